import Synchronization

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// What is legal but probably not meant.
public enum Warnings {
  private static let said = Mutex<Set<String>>([])
  private static let handler = Mutex<@Sendable (String) -> Void>(toStandardError)

  /// Who hears warnings from now on; standard error at first. SeeAlso: warnings.showwarning
  public static func setHandler(_ body: @escaping @Sendable (String) -> Void) { handler.withLock { $0 = body } }

  /// Says `[op] message`, each sentence once.
  package static func warn(_ op: String, _ message: String) {
    let sentence = "[\(op)] \(message)"
    guard said.withLock({ $0.insert(sentence).inserted }) else { return }
    handler.withLock { $0 }(sentence)
  }

  private static let toStandardError: @Sendable (String) -> Void = { sentence in
    var line = Array("warning: \(sentence)\n".utf8)
    _ = write(STDERR_FILENO, &line, line.count)
  }
}
