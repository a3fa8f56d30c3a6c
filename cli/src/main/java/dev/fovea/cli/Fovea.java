package dev.fovea.cli;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.tensor.CancelledException;
import dev.fovea.engine.text.OneLine;
import dev.fovea.engine.text.TokenizerException;
import dev.fovea.kernels.WarmUp;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.InvalidPathException;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/// The program: vision transformers from the command line.
@Command(name = "fovea", mixinStandardHelpOptions = true, versionProvider = Fovea.Version.class, scope = ScopeType.INHERIT,
    description = "Vision transformers in pure Java.", synopsisSubcommandLabel = "COMMAND")
public final class Fovea implements Callable<Integer> {
  static final int GOOD = 0, FALLS_SHORT = 1, WRONG_USE = 2;
  private static final int INTERRUPTED = 130;
  private static final byte[] LAST_WORDS = "fovea: not enough memory\n".getBytes(StandardCharsets.UTF_8);

  private static final Map<String, Class<?>> COMMANDS = new LinkedHashMap<>();

  static {
    COMMANDS.put("classify", ClassifyCommand.class);
    COMMANDS.put("embed", EmbedCommand.class);
    COMMANDS.put("zero-shot", ZeroShotCommand.class);
    COMMANDS.put("segment", SegmentCommand.class);
    COMMANDS.put("mask", MaskCommand.class);
    COMMANDS.put("detect", DetectCommand.class);
    COMMANDS.put("ask", AskCommand.class);
    COMMANDS.put("explain", ExplainCommand.class);
    COMMANDS.put("demo", DemoCommand.class);
    COMMANDS.put("pull", PullCommand.class);
    COMMANDS.put("convert", ConvertCommand.class);
    COMMANDS.put("inspect", InspectCommand.class);
    COMMANDS.put("verify", VerifyCommand.class);
    COMMANDS.put("bench", BenchCommand.class);
    COMMANDS.put("trace", TraceCommand.class);
    COMMANDS.put("tokenize", TokenizeCommand.class);
    COMMANDS.put("doctor", DoctorCommand.class);
  }

  /// Commands that run a model.
  private static final Set<String> COMPUTING =
      Set.of("classify", "embed", "zero-shot", "segment", "mask", "detect", "ask", "explain", "demo", "verify", "bench", "trace");

  @Option(names = "--debug", scope = ScopeType.INHERIT, description = "Show the stack trace of an error.")
  private boolean debug;

  @CommandLine.Spec
  private CommandLine.Model.CommandSpec spec;

  @Override
  public Integer call() {
    throw new CommandLine.ParameterException(spec.commandLine(), "a command is missing; fovea --help lists them");
  }

  public static void main(String[] arguments) {
    System.exit(statusOf(arguments));
  }

  /// Java exits with 1 after an uncaught exception, which would mean a negative verdict here.
  private static int statusOf(String[] arguments) {
    try {
      // First of all: compiling the kernels takes longer than the start-up work done meanwhile.
      if (Boolean.getBoolean("fovea.warmUp") && arguments.length > 0 && COMPUTING.contains(arguments[0])) WarmUp.start();
      RealStderr.use();
      Stdout.install();
      Thread.setDefaultUncaughtExceptionHandler((thread, e) -> complain(thread.getName() + " has ended: " + e));
      if (System.getProperty("picocli.ansi") == null)
        System.setProperty("picocli.ansi", Boolean.toString(Terminal.isStdout() && System.getenv("NO_COLOR") == null));
      return run(arguments);
    } catch (Throwable e) {
      return lastWords();
    }
  }

  /// A last message, if there was no memory to build that of an error.
  private static int lastWords() {
    try {
      System.err.write(LAST_WORDS, 0, LAST_WORDS.length);
      System.err.flush();
    } catch (Throwable _) {
      // Only the exit code reports it.
    }
    return WRONG_USE;
  }

  static int run(String... arguments) {
    var fovea = new Fovea();
    var commandLine = withCommands(new CommandLine(fovea), arguments).setCaseInsensitiveEnumValuesAllowed(true)
        .setOut(new PrintWriter(System.out, true, StandardCharsets.UTF_8))
        .setParameterExceptionHandler((e, _) -> fovea.fail(e))
        .setExecutionExceptionHandler((e, _, _) -> fovea.fail(e));
    try {
      ArgumentCheck.requireReadable(arguments);
      return afterOutput(commandLine.execute(arguments));
    } catch (UsageException | Error e) {
      return fovea.fail(e);
    }
  }

  /// The status of a run, or [#WRONG_USE] if its output was lost.
  private static int afterOutput(int status) {
    var failure = Stdout.failure();
    if (failure == null) return status;
    complain("stdout: cannot be written: " + failure);
    return WRONG_USE;
  }

  /// Adds only the command that is called, because each takes some milliseconds; all of them for none or others, such as `--help`.
  private static CommandLine withCommands(CommandLine commandLine, String[] arguments) {
    var called = arguments.length == 0 ? null : COMMANDS.get(arguments[0]);
    if (called != null) return commandLine.addSubcommand(arguments[0], called);
    COMMANDS.forEach(commandLine::addSubcommand);
    return commandLine.addSubcommand(AutoComplete.GenerateCompletion.class);
  }

  /// One line for the user; the stack trace only on request.
  private int fail(Throwable e) {
    if (debug || System.getenv("FOVEA_DEBUG") != null) e.printStackTrace();
    var message = switch (e) {
      case CommandLine.ParameterException p -> p.getMessage();
      case CheckpointException _, ImageException _, TokenizerException _, UsageException _, UnsupportedOperationException _ ->
          e.getMessage();
      case CancelledException _ -> "interrupted";
      case IOException io -> "cannot write: " + io.getMessage();
      case InvalidPathException _ -> e.getMessage() + ": not a name of a file in this locale: set LC_ALL=C.UTF-8";
      case OutOfMemoryError _ -> "not enough memory: " + e.getMessage() + "; FOVEA_JAVA_OPTIONS=-Xmx8g allows 8 GB";
      case StackOverflowError _ -> "not enough memory for calls within calls; FOVEA_JAVA_OPTIONS=-Xss64m allows 64 MB";
      default -> "internal error, please report it: " + e + " (--debug shows where)";
    };
    complain(String.valueOf(message));
    return e instanceof CancelledException ? INTERRUPTED : WRONG_USE;
  }

  /// Prints a one-line error on stderr.
  static void complain(String message) {
    System.err.println("fovea: " + OneLine.of(message));
  }

  /// A user error without an exception of its own.
  static final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1;

    UsageException(String message) {
      super(message);
    }
  }

  /// The version that the build has put into the module, or on the class path into the jar's manifest.
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      var module = Fovea.class.getModule().getDescriptor();
      var version = module == null ? Fovea.class.getPackage().getImplementationVersion() : module.rawVersion().orElse(null);
      return new String[] {"fovea " + (version == null ? "development" : version) + ", Java " + Runtime.version()};
    }
  }
}
