package dev.fovea.converter.source;

import dev.fovea.converter.source.PickleValue.Dict;
import dev.fovea.converter.source.PickleValue.Items;
import dev.fovea.converter.source.PickleValue.Tuple;
import java.util.ArrayList;
import java.util.List;
import org.jetbrains.annotations.Nullable;

/// Class names and colours stored in a checkpoint.
///
/// @param names in order; empty if there are none
/// @param colours `0xRRGGBB`, one for each name; empty if there are none
public record Classes(List<String> names, List<Integer> colours) {
  static final Classes NONE = new Classes(List.of(), List.of());

  public Classes {
    names = List.copyOf(names);
    colours = List.copyOf(colours);
  }

  /// OpenMMLab's description of the dataset: `CLASSES` and `PALETTE` under `meta`, or `classes` and `palette` under its
  /// `dataset_meta` (ref: mmcv `runner/checkpoint.py`, mmengine `runner/runner.py`, `save_checkpoint`). Other forms are ignored.
  static Classes in(Dict checkpoint) {
    if (!(checkpoint.get("meta") instanceof Dict meta)) return NONE;
    var names = names(meta.get("CLASSES"));
    if (!names.isEmpty()) return with(names, meta.get("PALETTE"));
    return meta.get("dataset_meta") instanceof Dict data ? with(names(data.get("classes")), data.get("palette")) : NONE;
  }

  private static Classes with(List<String> names, @Nullable Object palette) {
    var colours = new ArrayList<Integer>();
    for (var each : items(palette)) {
      int colour = colour(items(each));
      if (colour >= 0) colours.add(colour);
    }
    return new Classes(names, colours.size() == names.size() ? colours : List.of());
  }

  private static List<String> names(@Nullable Object value) {
    var names = items(value).stream().filter(String.class::isInstance).map(name -> ((String) name).replaceAll("\\p{Cntrl}", "?"))
        .toList();
    return names.size() == items(value).size() ? names : List.of();
  }

  /// `0xRRGGBB`, or -1 if it is no colour.
  private static int colour(List<@Nullable Object> samples) {
    int colour = 0;
    for (var sample : samples) {
      if (!(sample instanceof Long value) || value < 0 || value > 255) return -1;
      colour = colour << 8 | value.intValue();
    }
    return samples.size() == 3 ? colour : -1;
  }

  private static List<@Nullable Object> items(@Nullable Object value) {
    return switch (value) {
      case Items(var items) -> items;
      case Tuple(var items) -> items;
      case null, default -> List.of();
    };
  }
}
