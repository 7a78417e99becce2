import Glibc

/// Writes a file so that its name always means the whole old or the whole new content.
///
/// Bytes go to a temporary file in the same folder; `commit` forces them to the disk and renames. Without a commit
/// (an error, a full disk) the temporary file is removed and the old one stays.
public final class AtomicFile {
  public let path: String
  private let temporary: String
  private var descriptor: Int32
  private var buffer: [UInt8] = []
  /// Bytes written so far.
  public private(set) var count = 0

  public init(_ path: String) throws(FileError) {
    self.path = path
    temporary = "\(path).\(getpid()).\(UInt32.random(in: 0 ... .max)).tmp"
    descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw FileError.system(path, "write the file") }
    buffer.reserveCapacity(1 << 16)
  }

  deinit {
    if descriptor >= 0 {
      close(descriptor)
      unlink(temporary)
    }
  }

  /// Appends bytes.
  public func write(_ bytes: UnsafeRawBufferPointer) throws(FileError) {
    count += bytes.count
    if buffer.count + bytes.count <= 1 << 16 {
      buffer.append(contentsOf: bytes)
      return
    }
    try flush()
    guard writeAll(bytes, to: descriptor) else { throw FileError.system(path, "write the file") }
  }

  /// Appends bytes.
  public func write(_ bytes: [UInt8]) throws(FileError) {
    let result = bytes.withUnsafeBytes { bytes in Result { () throws(FileError) in try write(bytes) } }
    try result.get()
  }

  private func flush() throws(FileError) {
    defer { buffer.removeAll(keepingCapacity: true) }
    let isWritten = buffer.withUnsafeBytes { writeAll($0, to: descriptor) }
    guard isWritten else { throw FileError.system(path, "write the file") }
  }

  /// Puts the new content in the old one's place.
  public func commit() throws(FileError) {
    try flush()
    guard fsync(descriptor) == 0 else { throw FileError.system(path, "write the file") }
    guard rename(temporary, path) == 0 else { throw FileError.system(path, "write the file") }
    close(descriptor)
    descriptor = -1
    // The rename itself lives in the folder.
    let folderPath = path.deletingLastPathComponent
    let folder = open(folderPath.isEmpty ? "." : folderPath, O_RDONLY | O_CLOEXEC)
    if folder >= 0 {
      fsync(folder)
      close(folder)
    }
  }

  /// Writes `bytes` as the whole content of `path`.
  public static func write(_ bytes: [UInt8], to path: String) throws(FileError) {
    let file = try AtomicFile(path)
    try file.write(bytes)
    try file.commit()
  }
}

/// Writes all of `bytes`, of which the system may take a part at a time. False where it refuses; `errno` says why.
package func writeAll(_ bytes: UnsafeRawBufferPointer, to descriptor: Int32) -> Bool {
  var done = 0
  while done < bytes.count {
    let n = Glibc.write(descriptor, bytes.baseAddress! + done, min(bytes.count - done, 1 << 30))
    if n < 0 && errno == EINTR { continue }
    if n <= 0 { return false }
    done += n
  }
  return true
}
