package dev.fovea.models.chat;

import com.google.gson.JsonArray;
import com.google.gson.JsonObject;
import com.google.gson.JsonParseException;
import com.google.gson.JsonParser;
import com.google.gson.JsonPrimitive;
import dev.fovea.engine.image.Preprocessing.Size;
import dev.fovea.engine.image.mask.Box;
import dev.fovea.engine.image.mask.LabelledBox;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.jetbrains.annotations.Nullable;

/// An answer that says where things are: its text without the marks, and the boxes in picture coordinates.
///
/// | form | numbers |
/// |---|---|
/// | `<ref> a star </ref> <det> 10 20 30 40 </det>`, the demo's | 0 to 99 over the picture's width and height |
/// | `<\|ref\|>a star<\|/ref\|><\|det\|>[[10, 20, 30, 40]]<\|/det\|>`, DeepSeek-VL2's | 0 to 999 over width and height |
/// | `{"bbox_2d": [10, 20, 30, 40], "label": "a star"}`, Qwen's, alone, in an array or in a fence | pixels of the model's input |
///
/// Each has left, top, right and bottom. A label may have several boxes. What breaks its form stays text: numbers out of range, a
/// right side left of the left one, an answer cut off inside a mark.
///
/// Shares of width and height are those of the picture as it was given, also where the model sees it on a padded square or in tiles
/// (ref: DeepSeek-VL2, `deepseek_vl2/serve/app_modules/utils.py`, `parse_ref_bbox`, and `inference.py`, which gives it the picture
/// before any preparation). Pixels of the input are those of a picture resized in each direction, without padding (ref: Qwen2.5-VL,
/// `cookbooks/spatial_understanding.ipynb`, `plot_bounding_boxes`); nothing published says what they would be on a padded square.
///
/// @param text with labels, without marks and numbers
/// @param boxes in the order of the answer
public record GroundedText(String text, List<LabelledBox> boxes) {
  /// The special tokens that such answers may contain.
  public static final Set<String> MARKS = Set.of("<ref>", "</ref>", "<det>", "</det>", "<|ref|>", "<|/ref|>", "<|det|>",
      "<|/det|>");

  /// A label with the first mark of its boxes. Each part ends where the next begins, so that the time is linear.
  private static final Pattern LABEL = Pattern.compile("<ref>([^<]*+)</ref>\\s*+(?=<det>)"
      + "|<\\|ref\\|>([^<]*+)<\\|/ref\\|>\\s*+(?=<\\|det\\|>)");
  private static final Pattern HUNDREDTHS = Pattern.compile("\\s*+<det>([^<]*+)</det>");
  private static final Pattern THOUSANDTHS = Pattern.compile("\\s*+<\\|det\\|>([^<]*+)<\\|/det\\|>");
  private static final Pattern FOUR = Pattern.compile("\\s*+(\\d{1,3}+)\\s++(\\d{1,3}+)\\s++(\\d{1,3}+)\\s++(\\d{1,3}+)\\s*+");
  private static final Pattern ARRAY = Pattern.compile(
      "\\[\\s*+(\\d{1,3}+)\\s*+,\\s*+(\\d{1,3}+)\\s*+,\\s*+(\\d{1,3}+)\\s*+,\\s*+(\\d{1,3}+)\\s*+]\\s*+,?+\\s*+");
  private static final Pattern BETWEEN = Pattern.compile("[\\s,]*+");
  private static final String BOX = "bbox_2d", FENCE = "```";
  /// Maximum length of a JSON object with a box.
  private static final int MOST_JSON = 4096;

  public GroundedText {
    Objects.requireNonNull(text, "text");
    boxes = List.copyOf(Objects.requireNonNull(boxes, "boxes"));
  }

  /// Reads an answer about a picture that the model saw at its own size.
  ///
  /// @param answer any text
  /// @param picture its size
  public static GroundedText of(String answer, Size picture) {
    return of(answer, picture, picture);
  }

  /// Reads an answer.
  ///
  /// @param answer any text
  /// @param picture its size, in whose pixels the boxes are
  /// @param input the size to which the picture was resized for the model, in whose pixels the numbers of JSON are
  public static GroundedText of(String answer, Size picture, Size input) {
    Objects.requireNonNull(answer, "answer");
    Objects.requireNonNull(picture, "picture");
    Objects.requireNonNull(input, "input");
    var reader = new Reader(picture, input);
    if (answer.contains(BOX)) reader.json(answer);
    else reader.marks(answer);
    return new GroundedText(reader.text.toString(), reader.boxes);
  }

  private static final class Reader {
    private final Size picture, input;
    private final StringBuilder text = new StringBuilder();
    private final List<LabelledBox> boxes = new ArrayList<>();

    Reader(Size picture, Size input) {
      this.picture = picture;
      this.input = input;
    }

    void marks(String answer) {
      var label = LABEL.matcher(answer);
      int at = 0;
      while (label.find(at)) {
        boolean plain = label.group(1) != null;
        var name = (plain ? label.group(1) : label.group(2)).strip();
        int end = label.end();
        var found = new ArrayList<LabelledBox>();
        var det = (plain ? HUNDREDTHS : THOUSANDTHS).matcher(answer);
        while (det.region(end, answer.length()).lookingAt()) {
          var more = plain ? hundredths(name, det.group(1)) : thousandths(name, det.group(1));
          if (more.isEmpty()) break;
          found.addAll(more);
          end = det.end();
        }
        if (found.isEmpty()) {
          text.append(answer, at, end);
        } else {
          text.append(answer, at, label.start()).append(name);
          boxes.addAll(found);
        }
        at = end;
      }
      text.append(answer, at, answer.length());
    }

    /// One box or several, four numbers each.
    private List<LabelledBox> hundredths(String label, String numbers) {
      var found = new ArrayList<LabelledBox>();
      var four = FOUR.matcher(numbers);
      int at = 0;
      for (; at < numbers.length() && four.region(at, numbers.length()).lookingAt(); at = four.end()) {
        var box = box(four, 99);
        if (box == null) return List.of();
        found.add(new LabelledBox(label, box));
      }
      return at == numbers.length() ? found : List.of();
    }

    private List<LabelledBox> thousandths(String label, String arrays) {
      var stripped = arrays.strip();
      if (stripped.startsWith("[[") && stripped.endsWith("]]")) stripped = stripped.substring(1, stripped.length() - 1);
      var found = new ArrayList<LabelledBox>();
      var array = ARRAY.matcher(stripped);
      int at = 0;
      for (; at < stripped.length() && array.region(at, stripped.length()).lookingAt(); at = array.end()) {
        var box = box(array, 999);
        if (box == null) return List.of();
        found.add(new LabelledBox(label, box));
      }
      return at == stripped.length() ? found : List.of();
    }

    private @Nullable Box box(MatchResult numbers, int most) {
      var at = new float[4];
      for (int i = 0; i < 4; i++) {
        int number = Integer.parseInt(numbers.group(i + 1));
        if (number > most) return null;
        at[i] = (float) number / most * (i % 2 == 0 ? picture.width() : picture.height());
      }
      return at[0] <= at[2] && at[1] <= at[3] ? new Box(at[0], at[1], at[2], at[3]) : null;
    }

    void json(String answer) {
      int at = 0;
      for (int open = answer.indexOf('{'); open >= 0; open = answer.indexOf('{', open)) {
        int end = endOfObject(answer, open);
        var box = end < 0 ? null : jsonBox(answer.substring(open, end));
        if (box == null) {
          open++;
          continue;
        }
        // Objects of one array follow each other directly; what encloses the array goes with it.
        var between = answer.substring(at, open);
        if (boxes.isEmpty()) text.append(withoutOpening(between));
        else if (BETWEEN.matcher(between).matches()) text.append(", ");
        else text.append(withoutOpening(withoutClosing(between)));
        text.append(box.label());
        boxes.add(box);
        at = open = end;
      }
      text.append(boxes.isEmpty() ? answer.substring(at) : withoutClosing(answer.substring(at)));
    }

    /// The index after the `}` of an object without objects in it; -1 if there is none.
    private static int endOfObject(String answer, int open) {
      boolean quoted = false;
      for (int i = open + 1; i < Math.min(answer.length(), open + MOST_JSON); i++) {
        char c = answer.charAt(i);
        if (quoted && c == '\\') i++;
        else if (c == '"') quoted = !quoted;
        else if (!quoted && c == '{') return -1;
        else if (!quoted && c == '}') return i + 1;
      }
      return -1;
    }

    private @Nullable LabelledBox jsonBox(String object) {
      try {
        if (!(JsonParser.parseString(object) instanceof JsonObject json) || !(json.get(BOX) instanceof JsonArray at)
            || at.size() != 4
            || !at.asList().stream().allMatch(number -> number instanceof JsonPrimitive one && one.isNumber()))
          return null;
        var label = json.get("label") instanceof JsonPrimitive words && words.isString() ? words.getAsString().strip() : "";
        float x0 = x(at.get(0).getAsDouble()), y0 = y(at.get(1).getAsDouble()), x1 = x(at.get(2).getAsDouble()),
            y1 = y(at.get(3).getAsDouble());
        return x0 <= x1 && y0 <= y1 ? new LabelledBox(label, new Box(x0, y0, x1, y1)) : null;
      } catch (JsonParseException | IllegalStateException | NumberFormatException | UnsupportedOperationException _) {
        return null;
      }
    }

    /// A column of the input, in the picture; what lies beyond a side is on it.
    private float x(double column) {
      return (float) Math.clamp(column / input.width() * picture.width(), 0.0, picture.width());
    }

    private float y(double row) {
      return (float) Math.clamp(row / input.height() * picture.height(), 0.0, picture.height());
    }

    /// The text between objects or before the first, without the bracket and the fence that enclose one.
    private static String withoutOpening(String before) {
      var stripped = before.stripTrailing();
      var text = without(stripped, "[");
      text = text.endsWith(FENCE + "json") ? without(without(text, "json"), FENCE) : without(text, FENCE);
      if (text.length() == stripped.length()) return before;
      return text.isEmpty() ? "" : text + " ";
    }

    private static String without(String text, String suffix) {
      return text.endsWith(suffix) ? text.substring(0, text.length() - suffix.length()).stripTrailing() : text;
    }

    private static String withoutClosing(String after) {
      var stripped = after.stripLeading();
      var text = stripped.startsWith("]") ? stripped.substring(1).stripLeading() : stripped;
      if (text.startsWith(FENCE)) text = text.substring(FENCE.length()).stripLeading();
      if (text.length() == stripped.length()) return after;
      return text.isEmpty() ? "" : " " + text;
    }
  }
}
