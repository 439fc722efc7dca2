import type { DescEnum, DescField, DescFile, DescMessage, DescMethod } from '@bufbuild/protobuf';

type Commented = DescMessage | DescEnum | DescField | DescMethod;

const byFile = new WeakMap<DescFile, Map<string, string>>();

/** The comment before a part of the contract, its lines joined; paragraphs stay apart. Undefined without one. */
export function commentOf(desc: Commented): string | undefined {
  const file = fileOf(desc);
  let comments = byFile.get(file);
  if (!comments) {
    const locations = file.proto.sourceCodeInfo?.location ?? [];
    comments = new Map(locations.map(({ path, leadingComments }) => [path.join('.'), leadingComments]));
    byFile.set(file, comments);
  }
  const text = comments.get(pathOf(desc).join('.'))?.trim() ?? '';
  const paragraphs = text.split(/\n\s*\n/).map((paragraph) => paragraph.replace(/\s*\n\s*/g, ' ').trim());
  return paragraphs.join('\n\n') || undefined;
}

function fileOf(desc: Commented): DescFile {
  if (desc.kind === 'field') return desc.parent.file;
  return desc.kind === 'rpc' ? desc.parent.file : desc.file;
}

/** The way to a part of a file by the field numbers of the descriptors, as source locations name it. */
function pathOf(desc: Commented): number[] {
  switch (desc.kind) {
    case 'message': {
      const { parent } = desc;
      return parent
        ? [...pathOf(parent), 3, parent.proto.nestedType.indexOf(desc.proto)]
        : [4, desc.file.messages.indexOf(desc)];
    }
    case 'enum': {
      const { parent } = desc;
      return parent ? [...pathOf(parent), 4, parent.nestedEnums.indexOf(desc)] : [5, desc.file.enums.indexOf(desc)];
    }
    case 'field':
      return [...pathOf(desc.parent), 2, desc.parent.fields.indexOf(desc)];
    case 'rpc':
      return [6, desc.parent.file.services.indexOf(desc.parent), 2, desc.parent.methods.indexOf(desc)];
    default:
      return desc satisfies never;
  }
}
