// FHIR XML read by the `fhir` package: a JSON array of XML texts in, the array of their JSON forms out.
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const { Fhir } = createRequire(import.meta.url)("fhir");
const reader = new Fhir();
console.log(JSON.stringify(JSON.parse(await text(process.stdin)).map((xml) => reader.xmlToObj(xml))));
