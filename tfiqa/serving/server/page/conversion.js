// Photographs that the server does not read, decoded by the browser instead and written as PNG.

/** The photograph upright as PNG, over white where it is transparent, as the server has it; null if the browser cannot either. */
export async function toPng(file) {
  const bitmap = await decoded(file, { colorSpaceConversion: "none" });
  if (!bitmap) return null;
  const canvas = painted(bitmap, bitmap.width, bitmap.height, "white");
  bitmap.close();
  return blobOf(canvas, "image/png"); // null where the photograph is beyond what the browser's canvas holds
}

/** A small copy to show: {blob, width, height} with the size of the whole photograph; null if the browser cannot decode it. */
export async function thumbnail(file, longestSide) {
  const bitmap = await decoded(file);
  if (!bitmap) return null;
  const { width, height } = bitmap;
  const scale = Math.min(1, longestSide / Math.max(width, height));
  const canvas = painted(bitmap, Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
  bitmap.close();
  const blob = await blobOf(canvas, "image/webp");
  return blob && { blob, width, height };
}

async function decoded(file, options = {}) {
  try {
    return await createImageBitmap(file, { imageOrientation: "from-image", ...options });
  } catch {
    return null;
  }
}

function painted(bitmap, width, height, background) {
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (!context) return canvas;
  if (background) {
    context.fillStyle = background;
    context.fillRect(0, 0, width, height);
  }
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return canvas;
}

function blobOf(canvas, type) {
  return new Promise((resolve) => canvas.toBlob(resolve, type, 0.85));
}
