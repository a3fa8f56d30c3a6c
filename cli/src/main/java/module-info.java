/// The `fovea` program.
module dev.fovea.cli {
  requires static org.jetbrains.annotations;
  requires dev.fovea.converter;
  requires com.google.common;
  requires info.picocli;
  requires org.jline.reader;
  requires org.jline.terminal;
  requires java.desktop;
  requires java.logging;

  opens dev.fovea.cli to info.picocli, com.google.gson;
}
