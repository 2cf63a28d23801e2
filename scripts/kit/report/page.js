"use strict";
(() => {
	const matrix = document.getElementById("matrix");
	const rows = [...matrix.tBodies[0].rows];
	const filter = document.getElementById("filter");
	const dialog = document.getElementById("detail");
	const names = ["case", "reason", "commit", "log file", "command"];
	let details = null;

	/* Filter: kernels that have a cell of a chosen kind, and the words in their name */
	const names_of_rows = rows.map(row => row.cells[0].textContent.toLowerCase());
	function pick() {
		const groups = [...filter.querySelectorAll("[aria-pressed=true]")].map(button => button.dataset.group);
		const words = filter.elements.kernel.value.toLowerCase().split(/[\s,]+/).filter(Boolean);
		let shown = 0;
		rows.forEach((row, number) => {
			const has = row.dataset.groups.split(" ");
			const good = (!groups.length || groups.some(group => has.includes(group)))
				&& words.every(word => names_of_rows[number].includes(word));
			row.hidden = !good;
			shown += good;
		});
		matrix.classList.toggle("picking", groups.length > 0);
		if (groups.length)
			for (const row of rows)
				if (!row.hidden)
					for (const chip of row.querySelectorAll(".chip"))
						chip.classList.toggle("picked", groups.some(group => chip.classList.contains(group)));
		filter.querySelector("output").textContent = `${shown} of ${rows.length}`;
		document.getElementById("none").hidden = shown > 0;
		const stop = matrix.querySelector("tr:not([hidden]) .chip");
		if (stop)
			enter(stop);
	}
	filter.addEventListener("click", event => {
		const button = event.target.closest("[data-group]");
		if (button) {
			button.setAttribute("aria-pressed", button.getAttribute("aria-pressed") !== "true");
			pick();
		}
	});
	filter.addEventListener("input", pick);
	filter.addEventListener("submit", event => event.preventDefault());

	/* The keyboard: one cell is a stop of Tab, the arrows go on from it */
	let current = null;
	function enter(chip) {
		if (current)
			current.tabIndex = -1;
		current = chip;
		current.tabIndex = 0;
	}
	function beside(row, step) {
		do
			row = step < 0 ? row.previousElementSibling : row.nextElementSibling;
		while (row && row.hidden);
		return row;
	}
	function neighbour(chip, key) {
		const row = chip.closest("tr"), cell = chip.closest("td");
		const all = [...row.querySelectorAll(".chip")];
		if (key === "Home")
			return all[0];
		if (key === "End")
			return all[all.length - 1];
		if (key === "ArrowLeft" || key === "ArrowRight") {
			const step = key === "ArrowLeft" ? -1 : 1, place = [...cell.children].indexOf(chip);
			for (let next = row.cells[cell.cellIndex + step]; next; next = row.cells[next.cellIndex + step]) {
				const chips = next.querySelectorAll(".chip");
				if (chips.length)
					return chips[Math.min(place, chips.length - 1)];
			}
			return null;
		}
		const step = key === "ArrowUp" ? -1 : 1;
		const near = step < 0 ? chip.previousElementSibling : chip.nextElementSibling;
		if (near)
			return near;
		for (let next = beside(row, step); next; next = beside(next, step)) {
			const chips = next.cells[Math.min(cell.cellIndex, next.cells.length - 1)].querySelectorAll(".chip");
			if (chips.length)
				return step < 0 ? chips[chips.length - 1] : chips[0];
		}
		return null;
	}
	matrix.addEventListener("keydown", event => {
		const chip = event.target.closest("td .chip");
		if (!chip || !/^(Arrow(Up|Down|Left|Right)|Home|End)$/.test(event.key))
			return;
		event.preventDefault();
		const next = neighbour(chip, event.key);
		if (next) {
			enter(next);
			next.focus();
		}
	});

	/* What is behind a cell */
	async function copy(text) {
		try {
			await navigator.clipboard.writeText(text);
			return true;
		} catch {                    /* not over http */
			const area = document.createElement("textarea");
			area.value = text;
			dialog.append(area);
			area.select();
			const done = document.execCommand("copy");
			area.remove();
			return done;
		}
	}
	matrix.addEventListener("click", async event => {
		const chip = event.target.closest("td .chip");
		if (!chip)
			return;
		enter(chip);
		details ??= JSON.parse(document.getElementById("details").textContent);
		const [title, state, test, reason, commit, log, lines, command] = details[chip.dataset.i];
		document.getElementById("title").textContent = `${title}: ${state}`;
		const list = dialog.querySelector("dl");
		list.replaceChildren();
		[test, reason, commit, log, command].forEach((text, number) => {
			if (!text)
				return;
			const term = document.createElement("dt"), value = document.createElement("dd");
			term.textContent = names[number];
			if (names[number] === "command")
				value.append(document.createElement("code"));
			(value.firstChild ?? value).textContent = text;
			list.append(term, value);
		});
		dialog.querySelector("pre").textContent = lines;
		dialog.querySelector("pre").hidden = dialog.querySelector("h3").hidden = !lines;
		const told = document.getElementById("told");
		told.textContent = "";
		dialog.showModal();
		const done = await copy(command);
		told.textContent = done ? "✓ The command is in the clipboard." : "Could not copy: mark the command and copy it.";
		told.classList.toggle("failed", !done);
	});
	dialog.addEventListener("click", event => {
		if (event.target === dialog)
			dialog.close();
	});

	filter.hidden = false;
	pick();
})();
