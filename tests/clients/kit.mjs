// What an application does with fhir-kit-client: publish, search, page, read, retrieve, patch, withdraw, be refused.
// Standard input: {fhir, token, ins, documents, patch}. Standard output: what each step gave, as JSON.
import { Client } from "fhir-kit-client";
import { text } from "node:stream/consumers";

const given = JSON.parse(await text(process.stdin));
const client = new Client({ baseUrl: given.fhir, bearerToken: given.token });
const resourceType = "DocumentReference";
const ids = (bundle) => (bundle.entry ?? []).map(({ resource }) => resource.id);

const published = [];
for (const body of given.documents) published.push(await client.create({ resourceType, body }));
const { id } = published[0];
const searchParams = { "patient.identifier": given.ins, status: "current", _count: 2 };
const pages = [];
for (let page = await client.search({ resourceType, searchParams }); page; page = await client.nextPage({ bundle: page }))
  pages.push(page);
const back = await client.prevPage({ bundle: pages[1] });
const posted = await client.search({ resourceType, searchParams, options: { postSearch: true } });
const read = await client.read({ resourceType, id });
const binary = await client.read({ resourceType: "Binary", id });
const patched = await client.patch({ resourceType, id, jsonPatch: given.patch });
const withdrawn = await client.delete({ resourceType, id });
const refused = await client.read({ resourceType, id }).catch(({ response }) => response);
const statement = await client.capabilityStatement();
console.log(
  JSON.stringify({
    published: published.map(({ id }) => id),
    pages: pages.map(ids),
    back: ids(back),
    posted: ids(posted),
    read,
    binary,
    patched,
    withdrawn,
    refused: { status: refused.status, resourceType: refused.data.resourceType },
    statement: statement.resourceType,
  }),
);
