// Finds the links in a text, and the hosts that they lead to.

/** Of a text with more links, the rest is not told. */
export const maxLinks = 100;

const invisible = /\p{Default_Ignorable_Code_Point}+/gu;
/** The full stop of Chinese and Japanese within a name, which browsers take for a dot. */
const ideographicDot = /(?<=[a-z0-9-])[。｡](?=[a-z0-9])/gi;

/**
 * An address with its scheme, or a name with dots in it and what follows the name. Every repetition but the last ones is short, and those
 * consume what they have seen, so the search is linear.
 */
const candidate =
  /(?<scheme>[a-z][a-z0-9+.-]{0,19}):\/\/(?<rest>[^\s<>"'`「」『』“”‘’（）《》【】，。、！？；：]+)|(?<name>[\p{L}\p{N}][\p{L}\p{N}_-]{0,62}(?:\.[\p{L}\p{N}][\p{L}\p{N}_-]{0,62})+)(?<tail>(?::\d{1,5})?(?:[/?#][^\s<>"'`「」『』“”‘’（）《》【】，。、！？；：]*)?)/giu;

/** Words of scripts without spaces, and Korean, before a name in Latin letters: `访问evil.com` leads to `evil.com`. */
const unspacedBefore =
  /^[^.]*[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Script=Thai}](?=[a-z0-9][a-z0-9-]*\.)/iu;

/** What closes a sentence or a bracket rather than an address. */
const closing = /[.,;:!?)\]}…]+$/u;

/** The endings of most names in the world, by which a name without a scheme is told from `readme.md` and `end.Next`. */
const commonEndings = new Set(
  (
    "com net org info biz edu gov mil int io co me tv cc ws app dev xyz top vip shop site online club store live link click icu fun pro " +
    "work art bid loan win men asia mobi name ai cn hk tw mo jp kr sg my th vn id ph in pk bd lk np kh la mm au nz us ca mx br ar cl pe ve " +
    "uk ie de fr es pt it nl be ch at dk no se fi pl cz sk hu ro bg gr tr ru ua by kz il ae sa ir eg ng ke za eu su to ly gg im is li lu " +
    "xn--fiqs8s 中国 公司 网络"
  ).split(" "),
);

interface Found {
  link: string;
  /** What the platform's parser makes of it. */
  url: string;
}

/**
 * The links in a text, in order, each once, at most `maxLinks` of them: addresses with a scheme, names that begin with `www.`, names with a path,
 * and bare names with one of the common endings. Compatibility characters are plain ones in them, invisible characters are gone. Linear in the
 * text.
 */
export function findLinks(text: string): string[] {
  return [...new Set(find(text).map(({ link }) => link))];
}

/**
 * The hosts of the links in a text, in lower case and punycode, without port and user, in order, each once. What is no host by the URL standard
 * is passed over. Linear in the text.
 */
export function urlHosts(text: string): string[] {
  const hosts = new Set<string>();
  for (const { url } of find(text)) {
    const host = URL.parse(url)?.hostname;
    if (host) hosts.add(host.replace(/\.$/, ""));
  }
  return [...hosts];
}

function find(text: string): Found[] {
  const found: Found[] = [];
  const plain = text.normalize("NFKC").replace(invisible, "").replace(ideographicDot, ".");
  for (const { groups = {} } of plain.matchAll(candidate)) {
    const one =
      groups.scheme === undefined ? fromName(groups.name ?? "", groups.tail ?? "") : fromAddress(groups.scheme, groups.rest ?? "");
    if (one !== undefined) found.push(one);
    if (found.length === maxLinks) break;
  }
  return found;
}

/** Of every scheme, the host is read as browsers read that of http: in lower case and punycode. */
function fromAddress(scheme: string, rest: string): Found | undefined {
  const trimmed = rest.replace(closing, "");
  const authorityEnd = trimmed.search(/[/?#\\]/);
  const authority = authorityEnd === -1 ? trimmed : trimmed.slice(0, authorityEnd);
  const path = trimmed.slice(authority.length);
  const host = withoutSentence(authority);
  if (host === "") return undefined;
  const kept = host === authority ? path : "";
  return { link: `${scheme}://${host}${kept}`, url: `http://${host}${kept}` };
}

function fromName(name: string, tail: string): Found | undefined {
  const host = withoutSentence(name.replace(unspacedBefore, ""));
  const kept = name.endsWith(host) ? tail.replace(closing, "") : "";
  const ending = host.slice(host.lastIndexOf(".") + 1).toLowerCase();
  const isLink = commonEndings.has(ending) || /^www\./i.test(host) || (tail.startsWith("/") && /^\p{L}{2,}$/u.test(ending));
  return isLink ? { link: host + kept, url: `http://${host}${kept}` } : undefined;
}

/** The name without the words of a script without spaces that follow it: `evil.com查看` is `evil.com`, `例え.jp` is itself. */
function withoutSentence(name: string): string {
  const [, known = "", ending = ""] = /^(.*\.)([a-z][a-z0-9-]*)[^\p{ASCII}][^.]*$/iu.exec(name) ?? [];
  return commonEndings.has(ending.toLowerCase()) ? known + ending : name;
}
