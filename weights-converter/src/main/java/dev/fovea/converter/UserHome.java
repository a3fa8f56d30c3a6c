package dev.fovea.converter;

import java.nio.file.Path;
import java.util.Map;
import org.jetbrains.annotations.Nullable;

/// Where the user's home folder is: what all of Fovea means by `~`, and the launcher too.
public final class UserHome {
  private UserHome() {}

  /// What the variable `HOME` names, or else the system's list of users; null for a user without a home.
  ///
  /// Java itself knows only the list of users, but who sets the variable means it: in a container, a service, or a test.
  ///
  /// @param environment variables by name; a `HOME` that is empty or not absolute counts as none
  public static @Nullable Path of(Map<String, String> environment) {
    return of(environment.getOrDefault("HOME", ""), System.getProperty("user.home", ""));
  }

  static @Nullable Path of(String variable, String listed) {
    for (var home : new String[] {variable, listed}) if (isAbsolute(home)) return Path.of(home);
    return null;   // Java calls the home of a user without one "?".
  }

  private static boolean isAbsolute(String home) {
    return !home.isEmpty() && Path.of(home).isAbsolute();
  }
}
