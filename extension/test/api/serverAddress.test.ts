import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { serverAddress } from "../../src/api/serverAddress.ts";

describe("the server's address", () => {
  const accepted: [string, string][] = [
    ["https://tokengate.example", "https://tokengate.example"],
    [" https://tokengate.example/ ", "https://tokengate.example"],
    ["https://example.com/tokengate/", "https://example.com/tokengate"],
    ["http://localhost:8000", "http://localhost:8000"],
    ["http://127.0.0.1:8000/", "http://127.0.0.1:8000"],
    ["http://127.8.0.1:8000", "http://127.8.0.1:8000"],
    ["http://[::1]:8000", "http://[::1]:8000"],
  ];
  for (const [setting, address] of accepted) {
    it(`can be ${setting}`, () => assert.equal(serverAddress(setting), address));
  }

  for (const setting of [
    "http://tokengate.example",
    "http://127.0.0.1.example.com",
    "http://128.0.0.1",
    "http://localhost.example.com",
    "ftp://localhost",
  ]) {
    it(`cannot be ${setting}, where others could read along`, () => {
      assert.throws(() => serverAddress(setting), {
        code: "invalid_server_url",
        message: /must begin with https/,
      });
    });
  }

  for (const setting of [
    "",
    "tokengate.example",
    "https://a:b@tokengate.example",
    "https://tokengate.example/?a=b",
  ]) {
    it(`cannot be ${JSON.stringify(setting)}`, () => {
      assert.throws(() => serverAddress(setting), { code: "invalid_server_url", message: /not the address/ });
    });
  }
});
