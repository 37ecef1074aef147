import assert from "node:assert/strict";
import { after, before, beforeEach, describe, it } from "node:test";
import type { Uri } from "vscode";
import { Transport } from "../../src/api/transport.ts";
import { SessionStore } from "../../src/session/store.ts";
import { signInWithCode } from "../../src/signIn/deviceGrant.ts";
import { clientId, methodFor } from "../../src/signIn/editors.ts";
import { type DeviceCode, OAuth } from "../../src/signIn/oauth.ts";
import { challengeOf, newPkce, randomText } from "../../src/signIn/pkce.ts";
import { RedirectSignIn } from "../../src/signIn/redirect.ts";
import { FakeServer, json, refusal } from "../support/server.ts";
import { pair, Secrets } from "../support/session.ts";

const server = new FakeServer();
before(() => server.start());
after(() => server.stop());

const address = (): string => server.url;
const user = { id: 7, email: "ada@example.com", name: "Ada", date_joined: "2026-11-01T00:00:00Z" };
const granted = json(200, { access_token: "oauth-token", token_type: "Bearer" });
const signedIn = json(200, { ...pair(1), user });

function oauth(): OAuth {
  return new OAuth({ server: address, clientId: "vscode", transport: new Transport(), headers: {} });
}

function form(index: number): Record<string, string> {
  return Object.fromEntries(new URLSearchParams(server.asked[index]?.body));
}

describe("PKCE", () => {
  it("hashes the verifier as RFC 7636 does in its appendix B", async () => {
    const challenge = await challengeOf("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk");
    assert.equal(challenge, "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
  });

  it("has another verifier each time, of characters that need no encoding", async () => {
    const { verifier } = await newPkce();
    assert.match(verifier, /^[\w-]{43}$/);
    assert.notEqual(verifier, randomText());
  });
});

describe("an editor", () => {
  const desktop = { uriScheme: "vscode", web: false, remote: false, setting: "auto" } as const;

  it("is known to the server by its scheme, any other as an editor", () => {
    assert.equal(clientId("cursor"), "cursor");
    assert.equal(clientId("some-fork"), "editor");
  });

  it("signs in by redirect on a desktop", () => assert.equal(methodFor(desktop), "redirect"));

  for (const change of [{ web: true }, { remote: true }, { uriScheme: "some-fork" }]) {
    it(`signs in by code where no redirect returns: ${JSON.stringify(change)}`, () => {
      assert.equal(methodFor({ ...desktop, ...change }), "code");
    });
  }

  it("signs in as the user wants it", () => {
    assert.equal(methodFor({ ...desktop, setting: "code" }), "code");
    assert.equal(methodFor({ ...desktop, web: true, setting: "redirect" }), "redirect");
  });
});

describe("sign-in by redirect", () => {
  const redirectUri = "vscode://tokengate.tokengate/auth/callback";
  let secrets: Secrets;
  let opened: URL;
  let errors: unknown[];
  let now: number;

  beforeEach(() => {
    secrets = new Secrets();
    errors = [];
    now = Date.now();
  });

  const store = (): SessionStore => new SessionStore(secrets, address);

  function editorWindow(): RedirectSignIn {
    return new RedirectSignIn({
      secrets,
      store: store(),
      oauth: oauth(),
      server: address,
      redirectUri,
      open: async (url) => {
        opened = new URL(url);
        return true;
      },
      onError: (error) => errors.push(error),
      now: () => now,
    });
  }

  const callback = (query: Record<string, string>, path = "/auth/callback"): Uri =>
    ({ path, query: new URLSearchParams(query).toString() }) as Uri;

  const state = (): string => opened.searchParams.get("state") ?? "";
  const messages = (): string[] => errors.map((error) => (error as Error).message);

  it("opens the authorization page with a challenge and a state", async () => {
    await editorWindow().begin();
    assert.equal(opened.origin + opened.pathname, `${server.url}/identity/o/authorize`);
    const { state: random, code_challenge: challenge, ...rest } = Object.fromEntries(opened.searchParams);
    assert.match(random ?? "", /^[\w-]{43}$/);
    assert.match(challenge ?? "", /^[\w-]{43}$/);
    assert.deepEqual(rest, {
      response_type: "code",
      client_id: "vscode",
      redirect_uri: redirectUri,
      scope: "openid api",
      code_challenge_method: "S256",
    });
    assert.ok(opened.search.includes("scope=openid%20api"));
  });

  it("redeems the code with the verifier, and stores the session", async () => {
    const window = editorWindow();
    await window.begin();
    server.answer(granted, signedIn);
    await window.handleUri(callback({ code: "c1", state: state() }));
    const redeemed = form(0);
    assert.equal(
      await challengeOf(redeemed["code_verifier"] ?? ""),
      opened.searchParams.get("code_challenge"),
    );
    assert.equal(redeemed["grant_type"], "authorization_code");
    assert.equal(redeemed["redirect_uri"], redirectUri);
    assert.equal(server.asked[1]?.headers.authorization, "Bearer oauth-token");
    const session = await store().get();
    assert.deepEqual(session?.account, { id: "7", label: "ada@example.com" });
    assert.equal(session?.refresh, "refresh-1");
    assert.deepEqual(errors, []);
  });

  it("is finished by whichever window gets the address", async () => {
    await editorWindow().begin();
    server.answer(granted, signedIn);
    await editorWindow().handleUri(callback({ code: "c1", state: state() }));
    assert.equal((await store().get())?.account.label, "ada@example.com");
  });

  it("refuses another state, and still waits for its own", async () => {
    const window = editorWindow();
    await window.begin();
    server.answer(granted, signedIn);
    await window.handleUri(callback({ code: "c1", state: "of-somebody-else" }));
    assert.match(messages()[0] ?? "", /not started here/);
    assert.equal(server.asked.length, 0);
    await window.handleUri(callback({ code: "c1", state: state() }));
    assert.notEqual(await store().get(), undefined);
  });

  it("uses a state once", async () => {
    const window = editorWindow();
    await window.begin();
    server.answer(granted, signedIn);
    await window.handleUri(callback({ code: "c1", state: state() }));
    await window.handleUri(callback({ code: "c2", state: state() }));
    assert.equal(server.asked.length, 2);
    assert.match(messages()[0] ?? "", /not started here/);
  });

  it("accepts nothing after ten minutes, or after it was given up", async () => {
    const window = editorWindow();
    await window.begin();
    now += 10 * 60_000;
    await window.handleUri(callback({ code: "c1", state: state() }));
    await window.begin();
    await window.abandon();
    await window.handleUri(callback({ code: "c1", state: state() }));
    assert.equal(errors.length, 2);
    assert.equal(await store().get(), undefined);
  });

  it("says that the user has refused", async () => {
    const window = editorWindow();
    await window.begin();
    await window.handleUri(callback({ error: "access_denied", state: state() }));
    assert.deepEqual(messages(), ["The sign-in was refused in the browser."]);
  });

  it("says what the server does not accept", async () => {
    const window = editorWindow();
    await window.begin();
    server.answer(json(400, { error: "invalid_grant", error_description: "The code was used." }));
    await window.handleUri(callback({ code: "c1", state: state() }));
    assert.deepEqual(messages(), ["The code was used."]);
  });

  it("leaves other addresses alone", async () => {
    await editorWindow().handleUri(callback({}, "/other"));
    assert.deepEqual(errors, []);
  });
});

describe("sign-in by code", () => {
  const started = json(200, {
    device_code: "device-1",
    user_code: "ABCD-EFGH",
    verification_uri: "https://tokengate.example/identity/o/device",
    verification_uri_complete: "https://tokengate.example/identity/o/device?code=ABCD-EFGH",
    interval: 5,
    expires_in: 600,
  });
  const pending = json(400, { error: "authorization_pending" });
  const slowDown = json(400, { error: "slow_down" });
  let now: number;
  let pauses: number[];
  let shown: DeviceCode[];

  beforeEach(() => {
    now = 0;
    pauses = [];
    shown = [];
  });

  const signIn = (signal = new AbortController().signal) =>
    signInWithCode({
      oauth: oauth(),
      signal,
      show: async (code) => {
        shown.push(code);
      },
      pause: async (seconds, aborted) => {
        aborted.throwIfAborted();
        pauses.push(seconds);
        now += seconds * 1000;
      },
      now: () => now,
    });

  it("shows the code, and asks until it is confirmed", async () => {
    server.answer(started, pending, pending, granted, signedIn);
    assert.equal((await signIn()).account.label, "ada@example.com");
    assert.equal(shown[0]?.userCode, "ABCD-EFGH");
    assert.deepEqual(pauses, [5, 5, 5]);
    assert.deepEqual(form(0), { client_id: "vscode", scope: "openid api" });
    assert.equal(form(1)["device_code"], "device-1");
  });

  it("asks less often when the server wants that", async () => {
    server.answer(started, slowDown, pending, granted, signedIn);
    await signIn();
    assert.deepEqual(pauses, [5, 10, 10]);
  });

  it("goes on when the connection is lost for a while", async () => {
    server.answer(started, (_, response) => void response.destroy(), granted, signedIn);
    await signIn();
    assert.equal(server.asked.length, 4);
  });

  it("ends when the user refuses", async () => {
    server.answer(started, json(400, { error: "access_denied" }));
    await assert.rejects(signIn(), { message: "The sign-in was refused in the browser." });
  });

  it("ends when the code expires", async () => {
    server.answer(started, pending);
    await assert.rejects(signIn(), { code: "expired_token" });
    assert.equal(pauses.length, 120);
  });

  it("ends when the user cancels", async () => {
    const controller = new AbortController();
    const reason = new Error("Cancelled.");
    server.answer(started, (asked, response) => {
      controller.abort(reason);
      return pending(asked, response);
    });
    await assert.rejects(signIn(controller.signal), reason);
  });

  it("says when the server is not one of ours", async () => {
    server.answer(refusal(404, "not_found"));
    await assert.rejects(signIn(), { code: "not_found" });
    server.answer((_, response) => void response.end("<html>"));
    await assert.rejects(signIn(), { message: /tokengate\.serverUrl/ });
  });
});
