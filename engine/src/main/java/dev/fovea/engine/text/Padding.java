package dev.fovea.engine.text;

import com.google.gson.JsonObject;
import java.util.List;
import java.util.Objects;

/// The padding of encodings to a length. ref: tokenizers, utils/padding.rs.
///
/// @param length length of all encodings, or 0 for that of the longest in the batch
/// @param multipleOf the length is rounded up to a multiple of this
/// @param left whether padding comes first
public record Padding(int length, int multipleOf, int id, int typeId, String token, boolean left) {
  private static final int MOST = 1 << 20;

  public Padding {
    Objects.requireNonNull(token, "token");
    if (length < 0 || length > MOST) throw new IllegalArgumentException("length: expected 0 to " + MOST + ", got " + length);
    if (multipleOf < 1 || multipleOf > MOST)
      throw new IllegalArgumentException("multipleOf: expected 1 to " + MOST + ", got " + multipleOf);
  }

  static Padding of(JsonPart part) {
    part.only("strategy", "direction", "pad_to_multiple_of", "pad_id", "pad_type_id", "pad_token");
    int length = 0;
    if (part.element("strategy", "BatchLongest or {\"Fixed\": length}") instanceof JsonObject)
      length = Math.max(1, part.object("strategy").only("Fixed").count("Fixed", MOST));
    else part.choice("strategy", "BatchLongest");
    return new Padding(length, Math.max(1, part.count("pad_to_multiple_of", MOST, 1)),
        part.count("pad_id", JsonPart.MOST_IDS - 1),
        part.count("pad_type_id", MOST), part.string("pad_token"), part.choice("direction", "Left", "Right").equals("Left"));
  }

  List<Encoding> apply(List<Encoding> encodings) {
    int longest = encodings.stream().mapToInt(Encoding::length).max().orElse(0);
    int target = Math.ceilDiv(length > 0 ? length : longest, multipleOf) * multipleOf;
    return encodings.stream().map(e -> padded(e, target)).toList();
  }

  private Encoding padded(Encoding encoding, int target) {
    var more = encoding.overflowing().stream().map(e -> padded(e, target)).toList();
    var alone = encoding.withOverflowing(List.of());
    if (alone.length() < target) {
      var padding = Encoding.repeat(target - alone.length(), id, token, typeId, false);
      alone = left ? padding.plus(alone) : alone.plus(padding);
    }
    return alone.withOverflowing(more);
  }
}
