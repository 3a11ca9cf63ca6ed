export { Client } from "./client.js";
export { FlashdealError } from "./errors.js";
