// The hash with a key, against what its authors published.
import { expect, it } from "vitest";
import { createSipHash } from "../../../src/storage/sqlite/sip-hash.ts";

/** `vectors_sip128` of the reference implementation, those of even length: key 00 … 0f, texts of 0, 2, 4 … 62 bytes 00, 01, 02 … */
const published = `
  a3817f04ba25a8e66df67214c7550293 8177228da4a45dc7fca38bdef60affe4 f88164c12d9c8faf7d0f6e7c7bcd5579 14eeca338b208613485ea0308fd7a15e
  3b62a9ba6258f5610f83e264f31497b4 00110dc378146956c95447d3f3d0fbba d626b266905ef35882634df68532c125 31fcefac66d7de9c7ec7485fe4494902
  6ee2a4ca67b054bbfd3315bf85230577 a426e5e423bf4885294da481feaef723 9e25fc833f2290733e9344a5e83839eb 4a29b54552d16b9a469c10528eff0aae
  2db479ae78bd50d8882a8a178a6132ad 9c0b53b4b3c307e87eaee08678141f66 0664da1668574b88b935f3027358aef4 ea5c7f471faf6bde2b1ad7d4686d2287
  7c3956ca5eeafc3e363e9d556546eb68 37a6986cb8847edf0925f0f1309b54de 3dc47d1f29c448461e9e76ed904f6711 8c03468bca7c669ee4fd5e084bbee7b5
  df6a301e95c95dad97ae0cc8c6913bd8 e617346ac9c231bb3650ae34ccca0c5b 89237d9ded9c5e78d8b1c9b166cc7342 0e33f96055e7ae893ffc0e3dcf492902
  f7e5aef549f782cf379055a608269b16 a590d3ee4fbf04e3247e0d27f286423f 2c97325cbd06b36eb2133dd08b3a017c dce850110bd8328cfbd50841d6911d87
  1938f2cf72d54ee97e94166fa91d2a36 57fca5de98a9d6d8006438d0583d8a1d e3040c00eb28f15366ca73cbd872e740 5853542321f567a005d547a4f04759bd
`
  .trim()
  .split(/\s+/);

const ascending = (length: number) => Uint8Array.from({ length }, (_, index) => index);

it("gives what the reference implementation gives for the bytes of the code units", () => {
  const hash = createSipHash(ascending(16));
  const words = new Uint32Array(4);
  const given = published.map((_, index) => {
    hash(Buffer.from(ascending(2 * index)).toString("utf16le"), words);
    return Buffer.from(words.buffer).toString("hex");
  });
  expect(given).toEqual(published);
});

it("gives other words for another key", () => {
  const [one, other] = [new Uint32Array(4), new Uint32Array(4)];
  createSipHash(ascending(16))("ann", one);
  createSipHash(ascending(17).subarray(1))("ann", other);
  expect(one).not.toEqual(other);
});
