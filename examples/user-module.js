// A user store of your own: `users: { acme: { type: module, path: examples/user-module.js } }` in gateway.yaml.
// This one asks the login service of a made-up intranet, at ACME_LOGIN_URL.

const LOGIN_URL = process.env.ACME_LOGIN_URL ?? 'http://127.0.0.1:9100';

/** @type {import('postern').UserModule} */
export default {
  async verify(username, password, { signal }) {
    const response = await fetch(new URL('/login', LOGIN_URL), {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ username, password }),
      signal, // ends the request when nobody waits for it any more
    });
    if (response.status === 404) return { outcome: 'unknown' }; // the next store may know the user
    if (response.status === 401) return { outcome: 'rejected' };
    if (response.status === 423) return { outcome: 'rejected', reason: 'locked' }; // for log and metrics
    if (!response.ok) throw new Error(`the intranet says ${response.status}`); // an outage: 503, and no wrong password
    const { id, email, roles } = await response.json();
    return { outcome: 'accepted', attributes: { sub: id, email, groups: roles } };
  },

  // Asked at each refresh. Leave it out, and users stay as they were at the login.
  async lookup(username, { signal }) {
    const response = await fetch(new URL(`/users/${encodeURIComponent(username)}`, LOGIN_URL), { signal });
    if (response.status === 404) return undefined; // gone: no more tokens
    if (!response.ok) throw new Error(`the intranet says ${response.status}`);
    const { id, email, roles } = await response.json();
    return { attributes: { sub: id, email, groups: roles } };
  },
};
