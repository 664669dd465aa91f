// Messages that are written out as objects, where a request cannot afford create() of the protobuf library.

/**
 * A message of the schema with every one of its fields, so that the compiler points at each place that a new field is missing from. What is not
 * there is undefined, which the library takes for not set. Such an object is the same as what create() makes, in a tenth of the time and of the
 * memory; it is not filled in from parts as create() does it.
 */
export type WholeMessage<Message> = { [Field in Exclude<keyof Message, "$unknown">]-?: Message[Field] };
