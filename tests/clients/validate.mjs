// The `fhir` package's validator over a JSON array of resources on standard input: one JSON array of errors for each.
import { createRequire } from "node:module";
import { text } from "node:stream/consumers";

const { Fhir } = createRequire(import.meta.url)("fhir");
const validator = new Fhir();
const errors = (resource) =>
  validator
    .validate(resource, { errorOnUnexpected: true })
    .messages.filter(({ severity }) => severity === "error" || severity === "fatal")
    .map(({ location, message }) => ({ location, message }));
console.log(JSON.stringify(JSON.parse(await text(process.stdin)).map(errors)));
