// The page of a running Earshot: its sessions, and a question to one of them.
// What people and models said is foreign text: it is only ever set as text.

const REFRESH_MS = 3000;
const SHOWN = 20;

const at = (id) => document.getElementById(id);
let key = "";

async function request(path, options = {}) {
  const headers = { ...options.headers };
  if (key) headers.Authorization = `Bearer ${key}`;
  const response = await fetch(path, { ...options, headers });
  if (response.ok) return response.json();
  if (response.status === 401) at("access").hidden = false;
  const problem = await response.json().catch(() => ({}));
  throw new Error(problem.detail ?? `The server answered ${response.status}`);
}

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  made.textContent = plain(text);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  return made;
}

// Control characters and direction marks can make a line look like another one.
function plain(text) {
  return String(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, "");
}

function title(session) {
  return session.metadata.title || session.room_url || session.session_id;
}

function when(session) {
  return session.requested_at ? new Date(session.requested_at).toLocaleString() : "";
}

function liveFirst(sessions) {
  const live = (one) => Number(one.status === "live");
  return sessions.toSorted((one, other) => live(other) - live(one));
}

function label(session) {
  return [title(session), session.status, when(session)].filter(Boolean).join(" - ");
}

function row(session) {
  const base = `/v1/sessions/${encodeURIComponent(session.session_id)}`;
  const heard = `${session.counts.segments} segments, ${session.counts.words} words`;
  const item = element("li", "");
  item.append(
    element("span", session.status, { class: `status ${session.status}` }),
    element("strong", title(session)),
    element("div", `${heard}, ${when(session)}`, { class: "quiet" }),
  );
  if (!key) {
    item.append(
      element("a", "Transcript", { href: `${base}/transcript.txt` }),
      element("a", "Events", { href: `${base}/events` }),
      element("a", "Details", { href: base }),
    );
  }
  return item;
}

function offer(sessions) {
  const select = at("session");
  const chosen = select.value;
  select.replaceChildren(
    ...sessions.map((one) => element("option", label(one), { value: one.session_id })),
  );
  if (sessions.some((one) => one.session_id === chosen)) select.value = chosen;
  else select.selectedIndex = sessions.length ? 0 : -1;
}

async function refresh() {
  try {
    const [newest, live] = await Promise.all([
      request(`/v1/sessions?limit=${SHOWN}`),
      request(`/v1/sessions?limit=${SHOWN}&status=live`),
    ]);
    const ids = new Set(live.items.map((one) => one.session_id));
    const items = liveFirst([
      ...live.items,
      ...newest.items.filter((one) => !ids.has(one.session_id)),
    ]);
    at("sessions").replaceChildren(...items.map(row));
    at("sessions-state").textContent = items.length ? "" : "There are no sessions yet.";
    if (document.activeElement !== at("session")) offer(items);
  } catch (error) {
    at("sessions-state").textContent = error.message;
  }
}

function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;
}

function show(answer) {
  at("answer-text").textContent = plain(answer.answer);
  at("citations").replaceChildren(
    ...answer.citations.map((one) =>
      element("li", `${clock(one.start)} ${one.speaker ?? "Unknown speaker"}`),
    ),
  );
  at("answer-about").textContent = plain(
    `As of event ${answer.as_of_seq}, by ${answer.model}.`,
  );
  at("answer").hidden = false;
}

async function ask(event) {
  event.preventDefault();
  at("answer").hidden = true;
  at("ask-state").textContent = "Asking\u2026";
  try {
    const session = encodeURIComponent(at("session").value);
    show(
      await request(`/v1/sessions/${session}/query`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ query: at("question").value }),
      }),
    );
    at("ask-state").textContent = "";
  } catch (error) {
    at("ask-state").textContent = error.message;
  }
}

at("ask").addEventListener("submit", ask);
at("access").addEventListener("submit", (event) => {
  event.preventDefault();
  key = at("key").value;
  at("access").hidden = true;
  refresh();
});
await refresh();
setInterval(refresh, REFRESH_MS);
