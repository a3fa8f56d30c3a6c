package dev.fovea.converter;

import java.nio.file.Path;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// The user's home folder, which is `~` for all of Fovea, the launcher included.
public final class UserHome {
  private UserHome() {}

  /// The folder in the variable `HOME`, otherwise in the system's user database; null for a user without a home.
  ///
  /// Java itself knows only the user database, but containers, services and tests set the variable.
  ///
  /// @param environment variables by name; a `HOME` that is empty or not absolute is ignored
  public static @Nullable Path of(Map<String, String> environment) {
    return of(environment.getOrDefault("HOME", ""), System.getProperty("user.home", ""));
  }

  static @Nullable Path of(String variable, String listed) {
    for (var home : new String[] {variable, listed}) if (isAbsolute(home)) return Path.of(home);
    return null;   // Java's home of a user without one is "?".
  }

  private static boolean isAbsolute(String home) {
    return !home.isEmpty() && Path.of(home).isAbsolute();
  }
}
