import CKernels

/// Working memory that a kernel asked for in vain.
///
/// A kernel without working memory stops, and leaves its outputs as they are; whoever runs kernels asks afterwards.
public enum KernelMemory {
  /// The bytes of an allocation that failed in a kernel on this thread since the last call, −1 if nobody knows them;
  /// nil if all went well.
  public static func takeFailure() -> Int? {
    let bytes = fb_take_failure()
    return bytes == 0 ? nil : Int(bytes)
  }

  /// Tells of an allocation that failed.
  static func noteFailure(_ bytes: Int) { fb_note_failure(Int64(bytes)) }

  /// For tests: runs `body` with the n-th allocation of this thread failing, those of kernels and of tensors alike,
  /// n ≥ 1. Whether there were as many.
  public static func starving(_ n: Int, _ body: () -> Void) -> Bool {
    withoutActuallyEscaping(body) { body in
      var body = body
      return withUnsafeMutablePointer(to: &body) { pointer in
        fb_starve(Int64(n), { $0!.assumingMemoryBound(to: (() -> Void).self).pointee() }, pointer)
      }
    }
  }
}
