// The scores as a CSV file, with the columns of `tfiqa score`.

import { tableColumns, tableRow } from "./outputs.js";

/** The text of the table: a row a photograph in the order given, empty cells where there is no score. */
export function csv(photos, choice) {
  const results = photos.map((photo) => photo.result(choice));
  const columns = tableColumns(choice.version, results.flatMap((result) => (result.reading ? [result.reading] : [])));
  const rows = photos.map((photo, place) => {
    const { reading, error, state } = results[place];
    const values = reading ? tableRow(reading) : {};
    const reason = reading ? "" : (error ?? (state === "cancelled" ? "cancelled" : "not scored"));
    return [photo.path, ...columns.map((column) => values[column]), reason];
  });
  return [["path", ...columns, "error"], ...rows].map((row) => row.map(cell).join(",") + "\n").join("");
}

/** Offers a text to the browser as a file to save. */
export function saveAs(text, name) {
  const url = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000); // some browsers read it only after the click
}

function cell(value) {
  const text = value === undefined || value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
