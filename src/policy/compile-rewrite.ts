// Compiles what a rule changes in messages.
import { ListKind } from "../../gen/gatehouse/v1/list_service_pb.ts";
import type { Rewrite } from "../../gen/gatehouse/v1/policy_pb.ts";
import type { MessageEdit } from "../elements/rewrite-message.ts";
import { isOneCharacter } from "../text/text-ranges.ts";
import { type DeclaredLists, kindWord, undeclaredList } from "./condition-calls.ts";

/** What masks a character when the rule does not say. */
const defaultMark = "*";

/** Bytes that the replacement of a find may have; a message has room for more of those than of one text. */
const maxFindReplacementBytes = 100;

/** Compiles a rewrite. `place` of a problem is where it is in the rewrite, such as `mask.list`; empty: the whole. */
export function compileRewrite(
  { remove, mask, replace }: Rewrite,
  lists: DeclaredLists,
): { edit: MessageEdit; problems: { place: string; message: string }[] } {
  const problems: { place: string; message: string }[] = [];
  const checkList = (place: string, list: string) => {
    // That a list is named, the schema sees to.
    if (list === "") return;
    const kind = lists.get(list);
    if (kind === undefined) problems.push({ place, message: undeclaredList(list, lists) });
    else if (kind !== ListKind.PATTERN) {
      problems.push({ place, message: `List "${list}" is of kind ${kindWord(kind)}; only a pattern list can find what is in a text.` });
    }
  };
  if (remove === undefined && mask === undefined && replace === undefined) {
    problems.push({ place: "", message: "A rewrite says what to remove, mask or replace." });
  }
  if (remove !== undefined && remove.elementTypes.length === 0 && !remove.customData) {
    problems.push({ place: "remove", message: "Say what to remove: element_types, or custom_data: true." });
  }
  if (mask !== undefined) {
    checkList("mask.list", mask.list);
    if (mask.with !== "" && !isOneCharacter(mask.with)) {
      problems.push({ place: "mask.with", message: "A mask is one character that can be seen; replace puts longer texts." });
    }
  }
  if (replace !== undefined) {
    checkList("replace.list", replace.list);
    if (replace.list === "" && replace.with === "") {
      problems.push({
        place: "replace",
        message: "Without a list the whole message is replaced: say with what. To send nothing, deny or discard.",
      });
    }
    if (replace.list !== "" && Buffer.byteLength(replace.with) > maxFindReplacementBytes) {
      problems.push({
        place: "replace.with",
        message: `In the place of each find goes a text of at most ${maxFindReplacementBytes} bytes.`,
      });
    }
  }
  const edit: MessageEdit = {
    removeTypes: new Set(remove?.elementTypes),
    removeCustomData: remove?.customData ?? false,
    mask: mask && { list: mask.list, lookAlikes: mask.lookAlikes, mark: mask.with || defaultMark },
    replace: replace && {
      search: replace.list === "" ? undefined : { list: replace.list, lookAlikes: replace.lookAlikes },
      text: replace.with,
    },
  };
  return { edit, problems };
}
