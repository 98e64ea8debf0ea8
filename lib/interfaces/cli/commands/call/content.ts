/**
 * What a tool has answered, as people get it: its text on standard output, everything that is no text by its kind and
 * size, or as files where that was asked for. No name of the server's becomes a path: files are named after the tool.
 *
 * @see https://modelcontextprotocol.io/specification/2025-11-25/server/tools#tool-result
 * @module
 */
import { McpAuthError } from "../../../../primitives/errors.ts";
import { isObject } from "../../../../primitives/oauth/json.ts";
import { safeText, safeUrl } from "../../../../primitives/untrusted_text.ts";

/** A part of a result that a file can hold. */
export interface Attachment {
  /** What it is, for people. */
  readonly title: string;
  /** The name of its file is made of this: `png`. */
  readonly extension: string;
  /** Base64, or text. */
  readonly data: { readonly base64: string } | { readonly text: string };
}

/** One part of a result. */
export type Part = { readonly text: string } | { readonly attachment: Attachment };

/** The parts of a result, in its order; what is no content is left out. */
export function partsOf(result: unknown): readonly Part[] {
  const content = isObject(result) && Array.isArray(result.content) ? result.content : [];
  return content.flatMap((part: unknown) => isObject(part) ? [partOf(part)] : []);
}

function partOf(part: Readonly<Record<string, unknown>>): Part {
  switch (part.type) {
    case "text":
      if (typeof part.text === "string") return { text: printable(part.text) };
      break;
    case "image":
    case "audio":
      if (typeof part.data === "string") return binary(part.type, part.mimeType, part.data);
      break;
    case "resource": {
      const resource = isObject(part.resource) ? part.resource : {};
      const title = `resource ${safeUrl(resource.uri)}`;
      if (typeof resource.blob === "string") return binary(title, resource.mimeType, resource.blob);
      if (typeof resource.text === "string") {
        return {
          attachment: {
            title: described(title, resource.mimeType),
            extension: extensionOf(resource.mimeType, "txt"),
            data: { text: resource.text },
          },
        };
      }
      break;
    }
    case "resource_link": {
      const name = safeText(part.title ?? part.name, 120);
      return { text: `[link ${safeUrl(part.uri)}${name === "" ? "" : ` "${name}"`}]` };
    }
  }
  return { text: `[${safeText(part.type, 40)}]` };
}

function binary(kind: string, type: unknown, base64: string): Part {
  return {
    attachment: { title: described(kind, type), extension: extensionOf(type, "bin"), data: { base64 } },
  };
}

function described(kind: string, type: unknown): string {
  return typeof type === "string" ? `${kind} ${safeText(type, 80)}` : kind;
}

/** The parts as text; attachments are named, and those that are text are printed. */
export function textOf(parts: readonly Part[]): string {
  return parts.map((part) => {
    if ("text" in part) return part.text;
    const { title, data } = part.attachment;
    if ("text" in data) return `[${title}]\n${printable(data.text)}`;
    return `[${title}, ${sizeOf(data.base64)} bytes: save it with --output]`;
  }).join("\n");
}

/** The length of what base64 stands for. */
function sizeOf(base64: string): number {
  return Math.floor(base64.replace(/[\s=]+/g, "").length * 3 / 4);
}

/** Where attachments are to go. */
export interface Place {
  /** As the person named it. */
  readonly path: string;
  /** Whether it is a folder, in which files get names of their own. */
  readonly isFolder: boolean;
  /** Whether what is there may be replaced. */
  readonly replace: boolean;
}

/**
 * Looks at the place before anything is called: what cannot be written is told while nothing has happened yet.
 *
 * @throws {McpAuthError} `CONFIG_INVALID` where a file is there, or the folder is not.
 */
export async function placeOf(path: string, replace: boolean): Promise<Place> {
  const { pathKind } = await import("../../../../primitives/system/output_file.ts");
  const kind = pathKind(path);
  const isFolder = kind === "folder";
  if (!isFolder && /[\\/]$/.test(path)) {
    throw new McpAuthError("CONFIG_INVALID", `Cannot save to "${safeText(path)}": there is no such folder`, {
      hint: "Make it first",
    });
  }
  if (kind === "file" && !replace) {
    throw new McpAuthError("CONFIG_INVALID", `Cannot save to "${safeText(path)}": there is such a file`, {
      hint: "Name another, or add --force",
    });
  }
  return { path, isFolder, replace };
}

/**
 * Saves the attachments of a result: in a folder as `<tool>-<n>.<kind>`, else the first as the file that was named and
 * the others beside it, with a number before its ending.
 *
 * @param parts The result.
 * @param tool The name of the tool.
 * @param place Where.
 * @returns The path of each, with what it is.
 * @throws {McpAuthError} `SERVER_ERROR` for data that is not base64; what writing fails with.
 */
export async function save(
  parts: readonly Part[],
  tool: string,
  place: Place,
): Promise<readonly { readonly path: string; readonly title: string }[]> {
  const { pathKind, pathWithin, writeOutputFile } = await import(
    "../../../../primitives/system/output_file.ts"
  );
  const saved: { path: string; title: string }[] = [];
  const base = safeBase(tool);
  let number = 0;
  for (const part of parts) {
    if (!("attachment" in part)) continue;
    const { title, extension } = part.attachment;
    const bytes = bytesOf(part.attachment);
    let path: string;
    do {
      number++;
      path = place.isFolder
        ? pathWithin(place.path, `${base}-${number}.${extension}`)
        : number === 1
        ? place.path
        : numbered(place.path, number);
      // In a folder there is always another name.
    } while (place.isFolder && !place.replace && pathKind(path) !== "nothing");
    await writeOutputFile(path, bytes, { replace: place.replace });
    saved.push({ path, title });
  }
  return saved;
}

function bytesOf({ title, data }: Attachment): Uint8Array {
  if ("text" in data) return new TextEncoder().encode(data.text);
  try {
    return Uint8Array.fromBase64(data.base64, {
      alphabet: /[-_]/.test(data.base64) ? "base64url" : "base64",
    });
  } catch (error) {
    throw new McpAuthError("SERVER_ERROR", `Cannot save the ${title}: it is not base64`, { cause: error });
  }
}

function numbered(path: string, number: number): string {
  const dot = /^(.*[^\\/])(\.[^.\\/]+)$/s.exec(path);
  return dot === null ? `${path}-${number}` : `${dot[1]}-${number}${dot[2]}`;
}

/** The tool's name as the beginning of a file's: letters, digits, `-` and `_` alone. */
function safeBase(tool: string): string {
  const base = tool.toLowerCase().replace(/[^a-z0-9_-]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 64);
  return base === "" ? "result" : base;
}

const EXTENSIONS: Readonly<Record<string, string>> = {
  "image/png": "png",
  "image/jpeg": "jpg",
  "image/gif": "gif",
  "image/webp": "webp",
  "image/svg+xml": "svg",
  "image/avif": "avif",
  "image/bmp": "bmp",
  "image/tiff": "tiff",
  "audio/wav": "wav",
  "audio/x-wav": "wav",
  "audio/mpeg": "mp3",
  "audio/ogg": "ogg",
  "audio/flac": "flac",
  "audio/mp4": "m4a",
  "audio/aac": "aac",
  "audio/webm": "weba",
  "video/mp4": "mp4",
  "video/webm": "webm",
  "application/pdf": "pdf",
  "application/json": "json",
  "application/zip": "zip",
  "application/gzip": "gz",
  "application/xml": "xml",
  "text/plain": "txt",
  "text/markdown": "md",
  "text/html": "html",
  "text/csv": "csv",
  "text/xml": "xml",
  "text/css": "css",
};

function extensionOf(type: unknown, otherwise: string): string {
  const name = typeof type === "string" ? type.split(";")[0]!.trim().toLowerCase() : "";
  return Object.hasOwn(EXTENSIONS, name) ? EXTENSIONS[name]! : otherwise;
}

/** A tool's text keeps its line breaks and tabs and nothing else that would steer a terminal. */
export function printable(text: string): string {
  // deno-lint-ignore no-control-regex -- taking control characters out is what this is for
  return text.replace(/\r\n?/g, "\n").replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, "");
}
