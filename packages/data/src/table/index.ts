// Entry `@gantry/data/table`: apart from the main one because of what it loads (zod, csv-parse).
export { readTableSchema, schemaTextOf } from '../sources/csv-dataset.js';
export { proposeSchema } from './propose-schema.js';
export { parseTableSchema } from './schema.js';
