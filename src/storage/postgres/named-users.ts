// The users whom an event names, as its row has it.

interface EventBody {
  operator?: string;
  owner?: string;
  subscribers?: string[];
}

/** The operator, the owner and the subscribers that a body has, each once. */
export function usersOfBody(body: string): string[] {
  const members = Object.values(JSON.parse(body) as Record<string, EventBody>);
  const users = members.flatMap((event) => [event.operator, event.owner, ...(event.subscribers ?? [])]);
  return [...new Set(users)].filter((user): user is string => user !== undefined && user !== "");
}
