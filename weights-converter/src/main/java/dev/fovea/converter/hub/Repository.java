package dev.fovea.converter.hub;

import dev.fovea.engine.checkpoint.CheckpointException;
import java.util.Objects;
import java.util.regex.Pattern;

/// A model on a hub.
///
/// @param id `ORG/NAME`, or the `NAME` alone of a few old models
/// @param revision a branch, a tag or a commit
public record Repository(String id, String revision) {
  private static final String MAIN = "main";
  private static final int MAX_PART = 96;
  private static final Pattern PART = Pattern.compile("[A-Za-z0-9_](?:[A-Za-z0-9_.-]*[A-Za-z0-9_])?");
  private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");

  /// @throws CheckpointException if the id or the revision is no valid name
  public Repository {
    Objects.requireNonNull(id, "id");
    Objects.requireNonNull(revision, "revision");
    var parts = id.split("/", -1);
    boolean plain = parts.length <= 2 && !id.contains("--") && !id.contains("..");
    for (var part : parts) plain &= part.length() <= MAX_PART && PART.matcher(part).matches();
    if (!plain) throw new CheckpointException("expected ORG/NAME or ORG/NAME@REVISION, got '" + Names.shown(id) + "'");
    if (!Names.isPlain(revision))
      throw new CheckpointException(id + ": expected a branch, a tag or a commit, got '" + Names.shown(revision) + "'");
  }

  /// Reads `ORG/NAME` or `ORG/NAME@REVISION`; without a revision it is `main`.
  ///
  /// @throws CheckpointException if it is something else
  public static Repository parse(String text) {
    int at = text.indexOf('@');
    return at < 0 ? new Repository(text, MAIN) : new Repository(text.substring(0, at), text.substring(at + 1));
  }

  /// The id without the organisation.
  public String name() {
    return id.substring(id.indexOf('/') + 1);
  }

  /// Whether the revision is a commit, which never changes.
  boolean isCommit() {
    return isCommit(revision);
  }

  static boolean isCommit(String text) {
    return COMMIT.matcher(text).matches();
  }

  @Override
  public String toString() {
    return revision.equals(MAIN) ? id : id + "@" + revision;
  }
}
