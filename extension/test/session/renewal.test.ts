import assert from "node:assert/strict";
import { beforeEach, describe, it } from "node:test";
import { TokengateError } from "../../src/api/errors.ts";
import { Renewal, type RenewalOptions } from "../../src/session/renewal.ts";
import { SessionStore } from "../../src/session/store.ts";
import { pair, Secrets, session } from "../support/session.ts";

const SERVER = "https://tokengate.example";

let secrets: Secrets;
let store: SessionStore;

beforeEach(() => {
  secrets = new Secrets();
  store = new SessionStore(secrets, () => SERVER);
});

function refused(code: string, retryable = false): TokengateError {
  return new TokengateError("Refused.", { code, status: 401, retryable, requestId: "req-1" });
}

/** A window of the editor: they all have the same secret storage. */
function editorWindow(refresh: RenewalOptions["refresh"], changes: Partial<RenewalOptions> = {}): Renewal {
  return new Renewal({ store: new SessionStore(secrets, () => SERVER), refresh, ...changes });
}

const neverAsked = async (): Promise<never> => assert.fail("The server was asked.");
const expired = { expiresAt: Date.now() - 1 };

describe("an access token", () => {
  it("is used as long as it is good", async () => {
    await store.set(session());
    assert.equal((await editorWindow(neverAsked).session()).access, "access-1");
  });

  it("is renewed a minute before it expires, and the pair is stored", async () => {
    await store.set(session({ expiresAt: Date.now() + 59_000 }));
    const renewed = await editorWindow(async () => pair(2)).session();
    assert.equal(renewed.access, "access-2");
    assert.equal(renewed.id, "session-1");
    const stored = await store.get();
    assert.equal(stored?.refresh, "refresh-2");
    assert.ok((stored?.expiresAt ?? 0) > Date.now() + 800_000);
  });

  it("is renewed when the server does not accept it", async () => {
    await store.set(session());
    assert.equal((await editorWindow(async () => pair(2)).session("access-1")).access, "access-2");
  });

  it("is renewed once for all who wait for it", async () => {
    await store.set(session(expired));
    let asked = 0;
    const renewal = editorWindow(async () => {
      asked += 1;
      return pair(asked + 1);
    });
    const sessions = await Promise.all(Array.from({ length: 8 }, () => renewal.session()));
    assert.equal(asked, 1);
    assert.deepEqual(new Set(sessions.map(({ access }) => access)), new Set(["access-2"]));
  });

  it("is not there when nobody is signed in", async () => {
    await assert.rejects(editorWindow(neverAsked).session(), { code: "not_authenticated", status: 401 });
  });
});

describe("several windows", () => {
  it("use what another window has renewed", async () => {
    await store.set(session(expired));
    await editorWindow(async () => pair(2)).session();
    assert.equal((await editorWindow(neverAsked).session("access-1")).access, "access-2");
  });

  it("wait for the window that was quicker at the server", async () => {
    await store.set(session(expired));
    const slower = editorWindow(async () => {
      // The other window has its answer already, and stores it in a moment.
      setImmediate(() => store.set(session(pair(2) as object)));
      throw refused("invalid_token", true);
    });
    assert.equal((await slower.session()).access, "access-2");
  });

  it("give up when nothing is stored, and keep the session", async () => {
    await store.set(session(expired));
    let now = Date.now();
    const slower = editorWindow(
      async () => {
        throw refused("invalid_token", true);
      },
      {
        now: () => now,
        changed: async (_, milliseconds) => {
          now += milliseconds;
        },
      },
    );
    await assert.rejects(slower.session(), { code: "invalid_token", retryable: true });
    assert.equal((await store.get())?.refresh, "refresh-1");
  });
});

describe("a session that the server has ended", () => {
  for (const code of ["token_revoked", "invalid_token"]) {
    it(`is forgotten, and the user is asked to sign in again (${code})`, async () => {
      await store.set(session(expired));
      const renewal = editorWindow(async () => {
        throw refused(code);
      });
      await assert.rejects(renewal.session(), {
        code: "token_revoked",
        message: "Your Tokengate session has ended. Sign in again.",
        requestId: "req-1",
        needsSignIn: true,
      });
      assert.equal(await store.get(), undefined);
    });
  }

  it("is not forgotten when another window has signed in meanwhile", async () => {
    await store.set(session(expired));
    const renewal = editorWindow(async () => {
      await store.set(session({ id: "session-2", access: "new", refresh: "new" }));
      throw refused("token_revoked");
    });
    assert.equal((await renewal.session()).id, "session-2");
  });
});

describe("a server that cannot be reached", () => {
  it("leaves the session as it is", async () => {
    await store.set(session(expired));
    const renewal = editorWindow(async () => {
      throw new TokengateError("Not reached.", { code: "network", status: 0, retryable: true });
    });
    await assert.rejects(renewal.session(), { code: "network" });
    assert.equal((await store.get())?.refresh, "refresh-1");
  });
});

describe("the store", () => {
  it("has a session for each server", async () => {
    await store.set(session());
    const other = new SessionStore(secrets, () => "https://other.example");
    assert.equal(await other.get(), undefined);
    assert.equal((await store.get())?.id, "session-1");
  });

  it("takes what it cannot read for no session", async () => {
    await store.set(session());
    for (const key of await secrets.keys()) {
      await secrets.store(key, "{");
    }
    assert.equal(await store.get(), undefined);
  });
});
