package dev.fovea.engine.text;

import com.google.gson.JsonArray;
import com.google.gson.JsonPrimitive;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/// Adds special tokens and type ids to one or two encoded texts. ref: tokenizers, processors/.
sealed interface PostProcessor {
  /// @param encodings one per text
  /// @return the parts of the result, in order
  List<Encoding> process(List<Encoding> encodings, boolean addSpecialTokens);

  /// Number of special tokens that are added.
  int added(boolean pair);

  /// @throws dev.fovea.engine.checkpoint.CheckpointException if the type or one of its fields is not known
  static PostProcessor of(JsonPart part) {
    return switch (part.type()) {
      case "TemplateProcessing" -> Template.of(part);
      case "BertProcessing" -> Template.bert(part);
      case "RobertaProcessing" -> Template.roberta(part);
      case "ByteLevel" -> {
        part.only("type", "add_prefix_space", "trim_offsets", "use_regex");
        yield new TrimmedOffsets(part.bool("trim_offsets"), part.bool("add_prefix_space"));
      }
      case "Sequence" -> Sequence.of(part);
      default -> throw part.unknownType("TemplateProcessing", "BertProcessing", "RobertaProcessing", "ByteLevel", "Sequence");
    };
  }

  record Sequence(List<PostProcessor> parts) implements PostProcessor {
    static Sequence of(JsonPart part) {
      var parts = part.only("type", "processors").parts("processors").stream().map(PostProcessor::of).toList();
      if (parts.stream().filter(Sequence::hasTemplate).count() > 1)
        throw part.error("expected at most one processor that adds tokens: the second would not see one or two texts");
      return new Sequence(parts);
    }

    private static boolean hasTemplate(PostProcessor processor) {
      return switch (processor) {
        case Sequence s -> s.parts.stream().anyMatch(Sequence::hasTemplate);
        case Template _ -> true;
        case TrimmedOffsets _ -> false;
      };
    }

    @Override
    public List<Encoding> process(List<Encoding> encodings, boolean addSpecialTokens) {
      for (var part : parts) encodings = part.process(encodings, addSpecialTokens);
      return encodings;
    }

    @Override
    public int added(boolean pair) {
      return parts.stream().mapToInt(p -> p.added(pair)).sum();
    }
  }

  /// Excludes leading and trailing spaces of byte-level tokens from their offsets.
  record TrimmedOffsets(boolean trim, boolean addPrefixSpace) implements PostProcessor {
    @Override
    public List<Encoding> process(List<Encoding> encodings, boolean addSpecialTokens) {
      return trim ? encodings.stream().map(this::trimmed).toList() : encodings;
    }

    @Override
    public int added(boolean pair) {
      return 0;
    }

    private Encoding trimmed(Encoding e) {
      int[] starts = e.starts().clone(), ends = e.ends().clone();
      for (int i = 0; i < starts.length; i++) {
        var token = e.tokens().get(i);
        int leading = 0, trailing = 0;
        while (leading < token.length() && isSpace(token.charAt(leading))) leading++;
        while (trailing < token.length() && isSpace(token.charAt(token.length() - 1 - trailing))) trailing++;
        // A single space before the first word may be the prefix, which is not in the text.
        boolean prefix = leading == 1 && addPrefixSpace && (i == 0 || starts[i] == 0);
        if (leading == token.length()) {
          if (prefix) ends[i] = starts[i];
          else starts[i] = ends[i];
          continue;
        }
        if (prefix) leading = 0;
        starts[i] = Math.min(starts[i] + leading, ends[i]);
        if (ends[i] >= trailing) ends[i] = Math.max(ends[i] - trailing, starts[i]);
      }
      return e.withOffsets(starts, ends, e.overflowing().stream().map(this::trimmed).toList());
    }

    private static boolean isSpace(char c) {
      return c == ByteAlphabet.SPACE || Characters.isWhiteSpace(c);
    }
  }

  /// A template with special tokens before, between and after the texts.
  record Template(List<Piece> single, List<Piece> pair, TrimmedOffsets offsets) implements PostProcessor {
    private static final TrimmedOffsets AS_THEY_ARE = new TrimmedOffsets(false, false);
    private static final int MOST_TYPES = 1 << 16;

    sealed interface Piece {}

    /// Text number `sequence`, 0 or 1.
    record Text(int sequence, int typeId) implements Piece {}

    record Special(Encoding tokens) implements Piece {}

    static Template of(JsonPart part) {
      part.only("type", "single", "pair", "special_tokens");
      var special = new HashMap<String, JsonPart>();
      var declared = part.object("special_tokens");
      for (var name : declared.fields().json().keySet()) special.put(name, declared.object(name).only("id", "ids", "tokens"));
      return new Template(pieces(part, "single", special, 1), pieces(part, "pair", special, 2), AS_THEY_ARE);
    }

    private static List<Piece> pieces(JsonPart part, String field, Map<String, JsonPart> special, int texts) {
      var pieces = new ArrayList<Piece>();
      for (var piece : part.parts(field)) {
        piece.only("Sequence", "SpecialToken");
        boolean text = piece.has("Sequence");
        if (text == piece.has("SpecialToken")) throw piece.error("expected either Sequence or SpecialToken");
        var fields = piece.object(text ? "Sequence" : "SpecialToken").only("id", "type_id");
        int type = fields.count("type_id", MOST_TYPES);
        if (text) pieces.add(new Text(texts == 1 ? sequence(fields, "A") : sequence(fields, "A", "B"), type));
        else pieces.add(special(fields, special.get(fields.string("id")), type));
      }
      return List.copyOf(pieces);
    }

    private static int sequence(JsonPart fields, String... known) {
      return fields.choice("id", known).equals("A") ? 0 : 1;
    }

    private static Special special(JsonPart fields, JsonPart declared, int type) {
      if (declared == null) throw fields.error("there is no '" + fields.string("id") + "' among the special_tokens");
      var tokens = declared.strings("tokens");
      var ids = declared.array("ids");
      if (ids.size() != tokens.size())
        throw declared.error("expected as many ids as tokens, got " + ids.size() + " and " + tokens.size());
      var all = Encoding.EMPTY;
      for (int i = 0; i < tokens.size(); i++) all = all.plus(Encoding.repeat(1, id(declared, ids, i), tokens.get(i), type, true));
      return new Special(all);
    }

    private static int id(JsonPart part, JsonArray array, int i) {
      if (array.get(i) instanceof JsonPrimitive p && p.isNumber()) {
        double id = p.getAsDouble();
        if (id >= 0 && id < JsonPart.MOST_IDS && id == Math.rint(id)) return (int) id;
      }
      throw part.error("expected an id from 0 to " + (JsonPart.MOST_IDS - 1) + ", got " + array.get(i));
    }

    /// `[CLS] A [SEP]`, and `[CLS] A [SEP] B [SEP]` with type 1 from B on.
    private static Template bert(JsonPart part) {
      part.only("type", "sep", "cls");
      Special sep = token(part, "sep", 0), cls = token(part, "cls", 0);
      var single = List.<Piece>of(cls, new Text(0, 0), sep);
      return new Template(single, List.of(cls, new Text(0, 0), sep, new Text(1, 1), token(part, "sep", 1)), AS_THEY_ARE);
    }

    /// `<s> A </s>` and `<s> A </s> </s> B </s>`, all of type 0.
    private static Template roberta(JsonPart part) {
      part.only("type", "sep", "cls", "trim_offsets", "add_prefix_space");
      Special sep = token(part, "sep", 0), cls = token(part, "cls", 0);
      var single = List.<Piece>of(cls, new Text(0, 0), sep);
      return new Template(single, List.of(cls, new Text(0, 0), sep, sep, new Text(1, 0), sep),
          new TrimmedOffsets(part.bool("trim_offsets", true), part.bool("add_prefix_space", true)));
    }

    /// A token in the form `["</s>", 2]`.
    private static Special token(JsonPart part, String field, int type) {
      var pair = part.array(field);
      if (pair.size() != 2) throw part.wrong(field, "a token and its id");
      return new Special(Encoding.repeat(1, id(part, pair, 1), part.text(pair.get(0), field), type, true));
    }

    @Override
    public List<Encoding> process(List<Encoding> encodings, boolean addSpecialTokens) {
      var trimmed = offsets.process(encodings, addSpecialTokens);
      var out = new ArrayList<Encoding>();
      for (var piece : encodings.size() == 1 ? single : pair)
        switch (piece) {
          case Text text -> out.add(trimmed.get(text.sequence).withTypeId(text.typeId));
          case Special special when addSpecialTokens -> out.add(special.tokens);
          case Special _ -> { }
        }
      return out;
    }

    @Override
    public int added(boolean two) {
      return (two ? pair : single).stream().mapToInt(p -> p instanceof Special s ? s.tokens.length() : 0).sum();
    }
  }
}
