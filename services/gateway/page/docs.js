// The API documentation: the OpenAPI document of this system, laid out for reading.

const METHODS = ["get", "post", "put", "patch", "delete"];

function element(name, text, ...children) {
  const made = document.createElement(name);
  made.textContent = text;
  made.append(...children);
  return made;
}

function json(value) {
  return element("pre", JSON.stringify(value, null, 2));
}

function parameter(one) {
  const needed = one.required ? "required" : "optional";
  const about = one.description ? `: ${one.description}` : "";
  return element("li", "", element("code", one.name), ` (${one.in}, ${needed})${about}`, json(one.schema));
}

function answer([status, response]) {
  const item = element("li", "", element("strong", status), ` ${response.description ?? ""}`);
  if (response.content) item.append(json(response.content));
  return item;
}

function route(method, path, operation) {
  const name = `${method.toUpperCase()} ${path}`;
  const made = element("details", "", element("summary", name));
  made.append(element("p", operation.description ?? operation.summary ?? ""));
  if (operation.parameters?.length) {
    made.append(element("h3", "Parameters"), element("ul", "", ...operation.parameters.map(parameter)));
  }
  if (operation.requestBody) made.append(element("h3", "Body"), json(operation.requestBody.content));
  const answers = Object.entries(operation.responses ?? {}).map(answer);
  made.append(element("h3", "Answers"), element("ul", "", ...answers));
  return made;
}

function groups(paths) {
  const found = new Map();
  for (const [path, operations] of Object.entries(paths)) {
    for (const method of METHODS.filter((one) => one in operations)) {
      const tag = operations[method].tags?.[0] ?? "other";
      if (!found.has(tag)) found.set(tag, []);
      found.get(tag).push(route(method, path, operations[method]));
    }
  }
  return [...found].map(([tag, routes]) => element("section", "", element("h2", tag), ...routes));
}

function schemas(known) {
  const shown = Object.entries(known).map(([name, schema]) =>
    element("details", "", element("summary", name), json(schema)),
  );
  return element("section", "", element("h2", "schemas"), ...shown);
}

async function show() {
  const main = document.getElementById("routes");
  try {
    const response = await fetch("/openapi.json");
    if (!response.ok) throw new Error(`The server answered ${response.status}`);
    const documented = await response.json();
    main.replaceChildren(...groups(documented.paths), schemas(documented.components.schemas));
  } catch (error) {
    main.replaceChildren(element("p", error.message));
  }
}

await show();
