package dev.fovea.cli;

import com.google.common.html.HtmlEscapers;
import com.google.common.io.Resources;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Locale;
import java.util.stream.Collectors;
import org.jetbrains.annotations.Nullable;

/// A page that shows traces as flames of time, with their tables. It asks for no other file.
final class FlamePage {
  private static final String TITLE = "@TITLE@", BODY = "@BODY@";
  /// Degrees on the colour circle between two kinds of operations: a golden angle, so that any number of them differ.
  private static final double HUE = 137.5;

  private final StringBuilder body = new StringBuilder();

  private FlamePage() {}

  /// @param top number of operations in a table; null for all
  static String of(List<TraceCommand.Traced> traces, @Nullable Integer top) {
    var page = new FlamePage();
    for (var traced : traces) page.add(traced.trace(), traced.frames(), top);
    // Cut before anything is put in, which may hold the same words.
    var parts = template().split(TITLE + "|" + BODY);
    return parts[0] + escape("fovea trace " + traces.getFirst().trace().model()) + parts[1] + page.body + parts[2];
  }

  private static String template() {
    try {
      return Resources.toString(FlamePage.class.getResource("trace.html"), StandardCharsets.UTF_8);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static String escape(String text) {
    return HtmlEscapers.htmlEscaper().escape(text);
  }

  private void add(Trace trace, List<List<SourceFrame>> frames, @Nullable Integer top) {
    var heading = trace.heading();
    body.append("<section>\n<h2>").append(escape(heading.getFirst())).append("</h2>\n<p>")
        .append(heading.stream().skip(1).map(FlamePage::escape).collect(Collectors.joining("<br>"))).append("</p>\n");
    var kinds = trace.kinds().stream().map(Trace.Kind::operation).toList();
    flame(new Flame(trace.operations(), frames), kinds);
    kinds(trace, kinds);
    operations(top == null ? trace : trace.longest(top));
    body.append("</section>\n");
  }

  private void flame(Flame flame, List<String> kinds) {
    body.append("<p class=detail role=status></p>\n<div class=flame role=group aria-label=\"Flame of time\" style=\"--rows:")
        .append(flame.depth()).append("\">\n");
    for (var box : flame.boxes()) {
      var row = box.row;
      double left = box.start / flame.ms(), width = box.ms() / flame.ms();
      body.append(String.format(Locale.ROOT, "<button style=\"--l:%.6f;--w:%.6f;--d:%d", left, width, box.depth));
      if (row != null) body.append(hue(kinds.indexOf(row.operation())));
      body.append("\" title=\"").append(escape(row != null ? described(row) : described(box, flame.ms()))).append("\">")
          .append(escape(row != null ? row.name() : box.frame.call())).append("</button>\n");
    }
    body.append("</div>\n");
  }

  private static String hue(int kind) {
    return String.format(Locale.ROOT, ";--h:%.0f", kind * HUE % 360);
  }

  private static String described(Trace.Row row) {
    var peak = Trace.percent(row.shareOfPeak(), 0);
    return row.number() + " " + row.name() + " " + row.shape() + ": " + Trace.millis(row.ms()) + " ms, "
        + Trace.percent(row.share(), 1) + " of the whole" + (peak.isEmpty() ? "" : ", " + peak + " of the peak") + "; mean "
        + Trace.number(row.mean()) + ", spread " + Trace.number(row.spread()) + Trace.notFinite(row, ", ") + "; " + row.method()
        + ", " + row.source();
  }

  private static String described(Flame.Box box, double all) {
    return box.frame.call() + ", " + box.frame.file() + ": " + Trace.millis(box.ms()) + " ms, " + Trace.percent(box.ms() / all, 1)
        + " of the whole, " + box.operations() + (box.operations() == 1 ? " operation" : " operations");
  }

  private void kinds(Trace trace, List<String> kinds) {
    body.append("<table>\n<caption>By operation</caption>\n");
    header("operation", "count", "ms", "whole", "peak");
    for (var kind : trace.kinds()) {
      body.append("<tr><td><i style=\"").append(hue(kinds.indexOf(kind.operation())).substring(1)).append("\"></i>")
          .append(escape(kind.operation())).append("</td>");
      cells(String.valueOf(kind.count()), Trace.millis(kind.ms()), Trace.percent(kind.share(), 1),
          Trace.percent(kind.shareOfPeak(), 0));
    }
    body.append("</table>\n");
  }

  private void operations(Trace trace) {
    body.append("<details>\n<summary>").append(trace.operations().size()).append(" operations</summary>\n<table>\n");
    header("#", "operation", "shape", "mean", "spread", "ms", "whole", "peak", "line");
    for (var row : trace.operations()) {
      body.append("<tr>");
      cells(String.valueOf(row.number()), row.name(), row.shape().toString(), Trace.number(row.mean()), Trace.number(row.spread()),
          Trace.millis(row.ms()), Trace.percent(row.share(), 1), Trace.percent(row.shareOfPeak(), 0),
          row.source() + Trace.notFinite(row, ", "));
    }
    body.append("</table>\n</details>\n");
  }

  private void header(String... names) {
    body.append("<tr>");
    for (var name : names) body.append("<th scope=col>").append(escape(name)).append("</th>");
    body.append("</tr>\n");
  }

  /// The rest of a row.
  private void cells(String... texts) {
    for (var text : texts) body.append("<td>").append(escape(text)).append("</td>");
    body.append("</tr>\n");
  }
}
