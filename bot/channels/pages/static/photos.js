// Photos from the resident's phone: made small enough, uploaded with progress, turned into references.

import { slug } from "./page.js";

const KINDS = ["image/jpeg", "image/png", "image/webp"];
const LIMIT = 10 * 1024 * 1024;
const SHRINK_ABOVE = 4 * 1024 * 1024;
const LONGEST_SIDE = 3000;
const QUALITY = 0.85;
const TIMEOUT_MS = 120_000;

export const MOST = 3;

/** A photo that could not be taken; `word` names what to tell, `text` is the server's own sentence. */
export class PhotoRefused extends Error {
  constructor(word, text = "") {
    super(text || word);
    this.word = word;
    this.text = text;
  }
}

/** Phone cameras make files larger than a stairwell's signal carries; a smaller copy shows the fault as well. */
async function shrink(file) {
  if (file.size <= SHRINK_ABOVE) return file;
  const url = URL.createObjectURL(file);
  try {
    const image = new Image();
    image.src = url;
    await image.decode();
    const scale = Math.min(1, LONGEST_SIDE / Math.max(image.naturalWidth, image.naturalHeight));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(image.naturalWidth * scale);
    canvas.height = Math.round(image.naturalHeight * scale);
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    const smaller = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", QUALITY));
    return smaller && smaller.size < file.size ? smaller : file;
  } catch {
    return file;
  } finally {
    URL.revokeObjectURL(url);
  }
}

function read(request) {
  try { return JSON.parse(request.responseText); } catch { return {}; }
}

function settle(request, resolve, reject) {
  const answer = read(request);
  if (request.status === 200 && answer.ref) resolve(answer);
  else if (request.status >= 400 && request.status < 500 && answer.error) reject(new PhotoRefused("photo_kind", answer.error));
  else if (request.status === 413) reject(new PhotoRefused("photo_large"));
  else if (request.status === 415 || request.status === 422) reject(new PhotoRefused("photo_kind"));
  else reject(new Error("upload failed"));
}

/** XMLHttpRequest because fetch cannot tell how much of an upload has left. */
function send(blob, progress) {
  return new Promise((resolve, reject) => {
    const form = new FormData();
    form.append("photo", blob, blob.name || "photo.jpg");
    const request = new XMLHttpRequest();
    request.open("POST", `/api/chat/${slug}/photos`);
    request.timeout = TIMEOUT_MS;
    request.upload.onprogress = (event) => { if (event.lengthComputable) progress(event.loaded / event.total); };
    request.onload = () => settle(request, resolve, reject);
    request.onerror = request.ontimeout = () => reject(new Error("upload failed"));
    request.send(form);
  });
}

/** Uploads one photo: {ref, url}. Throws PhotoRefused when another photo is needed, Error when trying again may help. */
export async function upload(file, progress) {
  // Some Android pickers name no type; the server looks at the bytes anyway.
  if (file.type && !KINDS.includes(file.type)) throw new PhotoRefused("photo_kind");
  const blob = await shrink(file);
  if (blob.size > LIMIT) throw new PhotoRefused("photo_large");
  return send(blob, progress);
}
