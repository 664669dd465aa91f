// Links in texts, and the hosts that they lead to.
import { describe, expect, it } from "vitest";
import { findLinks, maxLinks, urlHosts } from "../../src/text/links.ts";

describe("links", () => {
  it.each<[text: string, links: string[], hosts: string[]]>([
    ["see https://Example.COM/A?b=1#c.", ["https://Example.COM/A?b=1#c"], ["example.com"]],
    ["(http://a.example:8080/x), or ftp://b.example!", ["http://a.example:8080/x", "ftp://b.example"], ["a.example", "b.example"]],
    ["twice: http://a.example http://a.example http://A.example", ["http://a.example", "http://A.example"], ["a.example"]],
    ["www.some.example and evil.com, not readme.md", ["www.some.example", "evil.com"], ["www.some.example", "evil.com"]],
    ["some.example/path", ["some.example/path"], ["some.example"]],
    ["end.Next sentence, e.g. 1.5/2, and/or", [], []],
    ["点击https://evil.com查看", ["https://evil.com"], ["evil.com"]],
    ["访问evil.cn。下一句 사이트evil.com/x", ["evil.cn", "evil.com/x"], ["evil.cn", "evil.com"]],
    ["über.com", ["über.com"], ["xn--ber-goa.com"]],
    ["http://例え.jp/パス、次", ["http://例え.jp/パス"], ["xn--r8jz45g.jp"]],
    ["中国政府 http://政府.中国", ["http://政府.中国"], ["xn--mxtq1m.xn--fiqs8s"]],
    ["ｅｖｉｌ．ｃｏｍ", ["evil.com"], ["evil.com"]],
    ["evil。com", ["evil.com"], ["evil.com"]],
    ["e\u200bvil.com", ["evil.com"], ["evil.com"]],
    ["https://good.com@evil.com/", ["https://good.com@evil.com/"], ["evil.com"]],
    ["https://evil.com\\@good.com", ["https://evil.com\\@good.com"], ["evil.com"]],
    ["HTTP://0x7f.1/", ["HTTP://0x7f.1/"], ["127.0.0.1"]],
    ["myapp://Open.Example/x", ["myapp://Open.Example/x"], ["open.example"]],
    ["http://evil.com./", ["http://evil.com./"], ["evil.com"]],
    ["http://a.example:99999/", ["http://a.example:99999/"], []],
    ["mail bob@evil.com", ["evil.com"], ["evil.com"]],
    ["", [], []],
  ])("of %j are found", (text, links, hosts) => {
    expect(findLinks(text)).toEqual(links);
    expect(urlHosts(text)).toEqual(hosts);
  });

  it("are at most 100", () => {
    const text = Array.from({ length: 150 }, (_, index) => `http://h${index}.example`).join(" ");
    expect(findLinks(text)).toHaveLength(maxLinks);
    expect(urlHosts(text)).toHaveLength(maxLinks);
  });

  it.each(["a", "a.", "a-", "a.b", "://", "a://", "http://a", "x.查", ".", "a:/", "www."])(
    "of a hostile text of %j come to an end",
    (part) => {
      const text = part.repeat(20_000);
      expect(findLinks(text).length).toBeLessThanOrEqual(maxLinks);
    },
  );
});
