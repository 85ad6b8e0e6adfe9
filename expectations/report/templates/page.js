"use strict";
(() => {
  const all = (query, from = document) => [...from.querySelectorAll(query)];
  const now = Date.now();

  for (const time of all("time[datetime]")) time.title = new Date(time.dateTime).toLocaleString();
  for (const due of all("[data-until]"))
    if (new Date(due.dataset.until) < now) { due.textContent += " " + due.dataset.late; due.classList.add("late"); }

  const filter = document.getElementById("filter");
  if (filter) {
    all(".scripted").forEach(part => { part.hidden = false; });
    const apply = () => {
      const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
      let any = false;
      for (const group of all("[data-group]")) {
        let shown = 0;
        for (const row of all("[data-row]", group)) {
          const text = (group.querySelector("th").textContent + " " + row.textContent).toLowerCase();
          row.hidden = !words.every(word => text.includes(word));
          shown += row.hidden ? 0 : 1;
        }
        group.hidden = shown === 0;
        any = any || shown > 0;
      }
      document.getElementById("no-match").hidden = any;
    };
    filter.addEventListener("input", apply);
    all("[data-filter]").forEach(link => link.addEventListener("click", () => {
      filter.value = filter.value === link.dataset.filter ? "" : link.dataset.filter;
      apply();
    }));
    document.addEventListener("keydown", event => {
      if (event.key === "/" && document.activeElement !== filter) { event.preventDefault(); filter.focus(); }
      if (event.key === "Escape" && document.activeElement === filter) { filter.value = ""; apply(); }
    });
  }

  const value = cell => {
    const text = cell.dataset.sort ?? cell.textContent.trim();
    const figure = Number(text.replace(/,/g, ""));
    return text !== "" && Number.isFinite(figure) ? figure : text;
  };
  for (const table of all("table.sortable"))
    all("thead th", table).forEach((head, at) => {
      const button = document.createElement("button");
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const down = head.getAttribute("aria-sort") === "ascending";
        all("thead th", table).forEach(other => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", down ? "descending" : "ascending");
        for (const body of table.tBodies) {
          const rows = all("tr:not(.group)", body);
          rows.sort((a, b) => {
            const [x, y] = [value(a.cells[at]), value(b.cells[at])];
            const order = typeof x === typeof y ? (x > y) - (x < y) : typeof x === "number" ? -1 : 1;
            return down ? -order : order;
          });
          body.append(...rows);
        }
      });
    });

  for (const command of all(".command code")) {
    const button = document.createElement("button");
    button.className = "button";
    button.textContent = document.documentElement.dataset.copy;
    button.addEventListener("click", async () => {
      try { await navigator.clipboard.writeText(command.textContent.trim()); }
      catch { getSelection().selectAllChildren(command); return; }
      button.textContent = document.documentElement.dataset.copied;
      setTimeout(() => { button.textContent = document.documentElement.dataset.copy; }, 1500);
    });
    command.after(button);
  }
})();
