import CKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// The threads that all kernels share.
public enum ThreadPool {
  /// How many threads compute at once, the calling one included. SeeAlso: torch.get_num_threads
  public static var threadCount: Int { Int(fb_thread_count()) }

  /// Calls `body` with ranges that cover `0..<count`, each `grain` long (the last one shorter).
  ///
  /// Ranges depend on `count` and `grain` alone, never on the number of threads.
  public static func run(count: Int, grain: Int, _ body: (Range<Int>) -> Void) {
    if count <= grain {
      if count > 0 { body(0..<count) }
      return
    }
    typealias Loop = (count: Int, grain: Int, body: (Range<Int>) -> Void)
    withoutActuallyEscaping(body) { body in
      var loop: Loop = (count, grain, body)
      withUnsafeMutablePointer(to: &loop) {
        fb_parallel_for(
          Int64((count + grain - 1) / grain),
          { context, i in
            let loop = context!.assumingMemoryBound(to: Loop.self).pointee
            let start = Int(i) * loop.grain
            loop.body(start..<min(loop.count, start + loop.grain))
          }, $0)
      }
    }
  }
}

/// Starts a detached thread with a name-less default configuration.
package func startThread(_ body: @escaping @Sendable () -> Void) {
  final class Box: Sendable {
    let body: @Sendable () -> Void
    init(_ body: @escaping @Sendable () -> Void) { self.body = body }
  }
  var thread = pthread_t()
  let box = Unmanaged.passRetained(Box(body)).toOpaque()
  let status = pthread_create(
    &thread, nil,
    { argument in
      Unmanaged<Box>.fromOpaque(argument!).takeRetainedValue().body()
      return nil
    }, box)
  precondition(status == 0, "cannot start a thread")
  pthread_detach(thread)
}
