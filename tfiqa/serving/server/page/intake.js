// How photographs come in: picked, dropped (folders too) or pasted.

// What systems without these types in their tables hand over as files of no type.
const ENDINGS = /\.(jpe?g|png|webp|bmp|gif|tiff?|avif|heic|heif|jxl)$/i;

/** Whether a file's type or ending says that it is a picture made of pixels. */
export function isPicture(file) {
  return (file.type.startsWith("image/") && file.type !== "image/svg+xml") || ENDINGS.test(file.name);
}

/** Files of an input element, as [{file, path}]; of a folder with the path in it. */
export function pickedFiles(input) {
  return [...input.files].map((file) => ({ file, path: file.webkitRelativePath || file.name }));
}

/** Files of a drop, those in dropped folders and their folders included, as [{file, path}]. */
export async function droppedFiles(transfer) {
  // Entries must be taken before anything is awaited: the browser empties the list afterwards.
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  if (!entries.length) return [...transfer.files].map((file) => ({ file, path: file.name }));
  const found = [];
  for (const entry of entries) await addEntry(entry, found);
  return found;
}

/** Pictures on the clipboard, as [{file, path}]; `number` tells apart what is pasted one after the other. */
export function pastedFiles(transfer, number) {
  return [...transfer.files].map((file, place) => {
    const nameless = /^image\.\w+$/.test(file.name); // what browsers call every picture that was copied and is no file
    return { file, path: nameless ? file.name.replace(/^image/, `pasted ${number + place}`) : file.name };
  });
}

async function addEntry(entry, found) {
  try {
    if (entry.isFile) {
      const file = await new Promise((resolve, reject) => entry.file(resolve, reject));
      found.push({ file, path: entry.fullPath.replace(/^\//, "") });
      return;
    }
    const reader = entry.createReader();
    for (;;) {
      const batch = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
      if (!batch.length) return; // a folder comes in parts of at most a hundred
      for (const each of batch) await addEntry(each, found);
    }
  } catch {
    // A file or folder that may not be read, or is gone: the others still come.
  }
}
