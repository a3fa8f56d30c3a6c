package dev.fovea.cli;

import com.google.common.primitives.Floats;
import dev.fovea.engine.checkpoint.ModelHeader;
import dev.fovea.engine.checkpoint.Residency;
import dev.fovea.engine.image.Picture;
import dev.fovea.kernels.WarmUp;
import dev.fovea.models.LoadedModel;
import dev.fovea.models.chat.ChatTemplate;
import dev.fovea.models.sam.Prompt;
import java.lang.foreign.Arena;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.Callable;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jetbrains.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

@Command(name = "trace",
    description = "Show the operations of a model's work on a picture, a row each: result, time, line of source.",
    footer = {"", "The work is that of the command for the model: classify, embed, zero-shot, segment, mask, detect or ask, which",
        "reads the question and says one token.", PictureInputs.FOOTER})
final class TraceCommand implements Callable<Integer> {
  private static final int RUNS = 5;

  @Parameters(index = "0", paramLabel = "MODEL", description = ModelOptions.MODEL)
  private Path model;

  @Parameters(index = "1..*", arity = "0..*", paramLabel = "IMAGE",
      description = "Pictures, folders of pictures, or - for stdin, each traced by itself; of ask, all of the question.")
  private List<String> images = List.of();

  @Option(names = "--text", paramLabel = "TEXT",
      description = "The sentence of detect, the question of ask, a label of zero-shot, or a text; the last two may be given "
          + "again.")
  private List<String> texts = List.of();

  @Option(names = "--point", paramLabel = "X,Y", description = "Of Segment Anything (default: the middle of the picture).")
  private @Nullable String point;

  @Option(names = "--template", paramLabel = "NAME",
      description = "The form of the question, where the model's file has none or an unknown one.")
  private @Nullable String template;

  @Option(names = "--runs", paramLabel = "N", defaultValue = "" + RUNS,
      description = "Calls to time; an operation's time is the median (default: " + RUNS + ").")
  private int runs;

  @Option(names = "--top", paramLabel = "N", description = "Show only the N operations that take longest, these first.")
  private @Nullable Integer top;

  @Option(names = "--html", paramLabel = "FILE.html", arity = "0..1", fallbackValue = "",
      description = "Write a page with a flame of time: to this file, or in place of the table.")
  private @Nullable Path html;

  @Mixin
  private ModelOptions modelOptions;

  @Mixin
  private KernelOptions kernelOptions;

  @Option(names = "--json", description = "Print JSON.")
  private boolean json;

  @Option(names = {"-o", "--output"}, paramLabel = "FILE",
      description = "Write to a file instead of stdout; the page if its name ends in .html.")
  private @Nullable Path output;

  /// A traced call.
  ///
  /// @param frames of each operation
  record Traced(Trace trace, List<List<SourceFrame>> frames) {}

  @Override
  public Integer call() {
    if (runs < 1) throw new Fovea.UsageException("--runs: expected at least 1, got " + runs);
    if (top != null && top < 1) throw new Fovea.UsageException("--top: expected at least 1, got " + top);
    boolean isPage = html != null && html.toString().isEmpty() || html == null && !json && isHtml(output);
    if (isPage && json) throw new Fovea.UsageException("--html: expected a FILE.html beside --json");
    var page = isPage || html == null ? null : html;
    if (page != null && !isHtml(page))
      throw new Fovea.UsageException("--html: expected a file name that ends in .html, got " + page);
    var given = new TracedTask.Given(texts, point(), template());
    var pictures = PictureInputs.of(images);
    var outputs = Outputs.of(output, page).readingModel(model).reading(pictures);
    outputs.require();
    var traced = traced(pictures, given);
    if (traced.isEmpty()) return Fovea.WRONG_USE;
    if (page != null) Output.write(FlamePage.of(traced, top), page);
    var text = isPage ? FlamePage.of(traced, top) : text(traced.stream().map(this::shown).toList());
    if (output == null) Output.report(text, outputs);
    else Output.write(text, output);
    return pictures.passedOver() ? Fovea.WRONG_USE : Fovea.GOOD;
  }

  private static boolean isHtml(@Nullable Path file) {
    return file != null && file.toString().toLowerCase(Locale.ROOT).endsWith(".html");
  }

  private @Nullable Prompt point() {
    if (point == null) return null;
    var numbers = Arrays.stream(point.split(",", -1)).map(part -> Floats.tryParse(part.strip())).toList();
    if (numbers.size() != 2 || numbers.contains(null))
      throw new Fovea.UsageException("--point: expected 2 numbers with commas between, got '" + point + "'");
    return Prompt.point(numbers.get(0), numbers.get(1));
  }

  private @Nullable ChatTemplate template() {
    try {
      return template == null ? null : ChatTemplate.named(template);
    } catch (IllegalArgumentException e) {
      throw new Fovea.UsageException("--template: " + e.getMessage());
    }
  }

  private Trace shown(Traced traced) {
    return top == null ? traced.trace : traced.trace.longest(top);
  }

  private String text(List<Trace> traces) {
    return json ? Output.json(traces) : String.join(System.lineSeparator(), traces.stream().map(Trace::text).toList());
  }

  private List<Traced> traced(PictureInputs pictures, TracedTask.Given given) {
    var task = task(pictures.names().size(), given);
    var traced = new ArrayList<Traced>();
    try (var kernels = kernelOptions.open(); var bar = new Terminal.ProgressBar()) {
      var tracing = new TracingKernels(kernels);
      WarmUp.await();
      try (var opened = task.task.open(modelOptions.open(model, Residency.LOADED), tracing, given)) {
        var peak = new SeenPeak(kernels.threads());
        if (task.task.takesAll()) {
          var all = pictures.names().stream().map(pictures::read).toList();
          traced.add(trace(task, tracing, peak, pictures.names(), () -> opened.call(all)));
        } else {
          pictures.each(bar, (_, name, picture, _) ->
              traced.add(trace(task, tracing, peak, List.of(name), () -> opened.call(List.of(picture)))));
        }
      }
    } catch (IllegalArgumentException | ArithmeticException e) {
      throw new Fovea.UsageException(model + ": " + e.getMessage());
    }
    return traced;
  }

  private record Task(TracedTask task, String family) {}

  /// Looks into the file for what the model is for.
  private Task task(int pictures, TracedTask.Given given) {
    try (var checkpoint = modelOptions.mapped(model); var arena = Arena.ofShared()) {
      var family = ModelHeader.of(checkpoint).family();
      var loaded = checkpoint.reading(() -> LoadedModel.of(checkpoint, arena));
      var task = TracedTask.of(loaded.model(), pictures > 0, !texts.isEmpty());
      task.require(family, pictures, given);
      return new Task(task, family);
    }
  }

  private Traced trace(Task task, TracingKernels kernels, SeenPeak peak, List<String> names, Runnable call) {
    PassTimes.warmUp(call);
    var times = new ArrayList<List<Long>>();
    var calls = new PassTimes();
    for (int i = 0; i < runs; i++) {
      calls.add(() -> times.add(kernels.time(call)));
      peak.glance();
    }
    peak.look();
    var seen = kernels.look(call);
    for (var each : times)
      if (each.size() != seen.size())
        throw new UnsupportedOperationException(model + ": cannot be traced: a call has " + each.size()
            + " operations, and the next " + seen.size());
    // Of each operation by itself: what else the machine does meets another one in each call.
    var nanos = IntStream.range(0, seen.size()).mapToObj(i -> median(times.stream().map(each -> each.get(i)))).toList();
    var rows = Trace.rows(seen, nanos, peak.gflops());
    double ms = rows.stream().mapToDouble(Trace.Row::ms).sum();
    long macs = rows.stream().mapToLong(Trace.Row::macs).sum();
    double gflops = 2 * macs / ms / 1e6;
    var trace = new Trace(model.toString(), task.family, task.task.command(), names, texts, kernels.name(), kernels.threads(), runs,
        ms, calls.median(), macs, gflops, peak.gflops(), gflops / peak.gflops(), rows, Trace.kinds(rows, peak.gflops()));
    return new Traced(trace, seen.stream().map(TracingKernels.Seen::frames).toList());
  }

  private static long median(Stream<Long> numbers) {
    var sorted = numbers.sorted().toList();
    return sorted.get((sorted.size() - 1) / 2);
  }
}
