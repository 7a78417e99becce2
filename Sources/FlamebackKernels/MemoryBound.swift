import CKernels

#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// How much memory the process may have: the machine's, or what a container or a resource limit leaves of it.
public enum MemoryBound {
  /// The bytes that the machine has.
  static var physical: Int { sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE)) }

  /// The smallest of the machine's memory, the limits of the process's control groups, and those of `setrlimit`.
  public static func current() -> Int {
    var bound = min(physical, Int(fb_memory_limit()))
    if let limit = controlGroups(root: "") { bound = min(bound, limit) }
    return bound
  }

  /// The smallest limit of the process's control groups and those around them, of version 2 (`memory.max`) and 1
  /// (`memory.limit_in_bytes`); nil if there is none. The files are looked for below `root`.
  static func controlGroups(root: String) -> Int? {
    var files: [String] = []
    for line in (text(root + "/proc/self/cgroup") ?? "").split(separator: "\n") {
      // number:controllers:path
      let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
      guard parts.count == 3 else { continue }
      let isSecond = parts[0] == "0" && parts[1].isEmpty
      guard isSecond || parts[1].split(separator: ",").contains("memory") else { continue }
      let base = root + (isSecond ? "/sys/fs/cgroup" : "/sys/fs/cgroup/memory")
      let name = isSecond ? "memory.max" : "memory.limit_in_bytes"
      var path = parts[2].split(separator: "/")
      while true {
        files.append(([base] + path.map(String.init) + [name]).joined(separator: "/"))
        if path.popLast() == nil { break }
      }
    }
    // In a container the group's own path may not be visible: its files lie at the top then.
    files += ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"].map { root + $0 }
    return files.compactMap { text($0).flatMap(number) }.min()
  }

  /// The number in a limit's file; nil for `max` and for version 1's word for no limit, a number near 2⁶³.
  private static func number(_ text: String) -> Int? {
    let digits = text.prefix { $0.isNumber }
    guard let value = Int(digits), value > 0, value < 1 << 60 else { return nil }
    return value
  }

  /// The first kilobytes of a small file; nil if it cannot be read.
  private static func text(_ path: String) -> String? {
    let file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard file >= 0 else { return nil }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 16384)
    let count = read(file, &bytes, bytes.count)
    return count >= 0 ? String(decoding: bytes[..<count], as: UTF8.self) : nil
  }
}
