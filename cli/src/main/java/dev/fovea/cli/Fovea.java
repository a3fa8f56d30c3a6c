package dev.fovea.cli;

import dev.fovea.engine.checkpoint.CheckpointException;
import dev.fovea.engine.image.ImageException;
import dev.fovea.engine.tensor.CancelledException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.Callable;
import picocli.AutoComplete;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.ScopeType;

/// The program: vision transformers from the command line.
@Command(name = "fovea", mixinStandardHelpOptions = true, versionProvider = Fovea.Version.class, scope = ScopeType.INHERIT,
    description = "Vision transformers in pure Java.", synopsisSubcommandLabel = "COMMAND",
    subcommands = {ClassifyCommand.class, DemoCommand.class, ConvertCommand.class, InspectCommand.class, VerifyCommand.class,
        BenchCommand.class, DoctorCommand.class, AutoComplete.GenerateCompletion.class})
public final class Fovea implements Callable<Integer> {
  static final int GOOD = 0, FALLS_SHORT = 1, WRONG_USE = 2;
  private static final int INTERRUPTED = 130;

  @Option(names = "--debug", scope = ScopeType.INHERIT, description = "Show the stack trace of an error.")
  private boolean debug;

  @CommandLine.Spec
  private CommandLine.Model.CommandSpec spec;

  @Override
  public Integer call() {
    throw new CommandLine.ParameterException(spec.commandLine(), "a command is missing; fovea --help lists them");
  }

  public static void main(String[] arguments) {
    useRealStderr();
    if (System.getProperty("picocli.ansi") == null)
      System.setProperty("picocli.ansi", Boolean.toString(Terminal.isStdout() && System.getenv("NO_COLOR") == null));
    System.exit(run(arguments));
  }

  static int run(String... arguments) {
    var fovea = new Fovea();
    var commandLine = new CommandLine(fovea).setCaseInsensitiveEnumValuesAllowed(true)
        .setOut(new PrintWriter(System.out, true, StandardCharsets.UTF_8))
        .setParameterExceptionHandler((e, _) -> fovea.fail(e))
        .setExecutionExceptionHandler((e, _, _) -> fovea.fail(e));
    try {
      return commandLine.execute(arguments);
    } catch (OutOfMemoryError | StackOverflowError e) {
      return fovea.fail(e);
    }
  }

  /// One line for the user; the stack trace only on request.
  private int fail(Throwable e) {
    if (debug || System.getenv("FOVEA_DEBUG") != null) e.printStackTrace();
    var message = switch (e) {
      case CommandLine.ParameterException p -> p.getMessage();
      case CheckpointException _, ImageException _, UsageException _, UnsupportedOperationException _ -> e.getMessage();
      case CancelledException _ -> "interrupted";
      case IOException io -> "cannot write: " + io.getMessage();
      case OutOfMemoryError _ -> "not enough memory: " + e.getMessage();
      default -> "internal error, please report it: " + e + " (--debug shows where)";
    };
    System.err.println("fovea: " + String.valueOf(message).lines().map(String::strip).reduce((a, b) -> a + " " + b).orElse(""));
    return e instanceof CancelledException ? INTERRUPTED : WRONG_USE;
  }

  /// The launcher filters the virtual machine's own messages on descriptor 2 (the Vector API announces itself at every start)
  /// and hands over the real stderr under another number.
  private static void useRealStderr() {
    var path = System.getProperty("fovea.stderr");
    if (path == null) return;
    try {
      System.setErr(new PrintStream(new FileOutputStream(path, true), true, StandardCharsets.UTF_8));
    } catch (IOException e) {
      // A descriptor that cannot be opened again, such as a socket: the filtered one will do.
    }
  }

  /// A mistake of the user's that no other exception stands for.
  static final class UsageException extends RuntimeException {
    private static final long serialVersionUID = 1;

    UsageException(String message) {
      super(message);
    }
  }

  /// The version that the build put into the module.
  static final class Version implements CommandLine.IVersionProvider {
    @Override
    public String[] getVersion() {
      var version = Fovea.class.getModule().getDescriptor() == null ? null : Fovea.class.getModule().getDescriptor().rawVersion().orElse(null);
      return new String[] {"fovea " + (version == null ? "development" : version) + ", Java " + Runtime.version()};
    }
  }
}
