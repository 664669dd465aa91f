// The app that the fuzzed service knows beside the benches' own.

/** Its webhooks must be signed with this token, which nobody here has. */
export const signedApp = { id: 1_400_000_001, token: "a-token-that-nobody-signs-with" };
