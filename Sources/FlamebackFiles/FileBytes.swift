import Glibc

/// Bytes that live as long as this object: a mapped file, or memory of our own.
///
/// A mapped file costs no reading until its bytes are touched. It must not be shortened while it is in use.
public final class FileBytes: @unchecked Sendable {
  // Unchecked: the bytes are never written after initialisation.
  /// Valid only while this object is held: bind it to a name first.
  public let bytes: UnsafeRawBufferPointer
  /// The file's path, or a name for messages.
  public let path: String
  private let isMapped: Bool

  public var count: Int { bytes.count }

  /// A copy of the bytes.
  public var array: [UInt8] { withExtendedLifetime(self) { Array(bytes) } }

  /// Maps a regular file into memory.
  public init(mapping path: String) throws(FileError) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw FileError.system(path, "open the file") }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileError.system(path, "open the file") }
    guard status.st_mode & S_IFMT == S_IFREG else { throw FileError(path: path, "it is not a regular file") }
    self.path = path
    let size = Int(status.st_size)
    guard size > 0 else {
      bytes = UnsafeRawBufferPointer(start: nil, count: 0)
      isMapped = false
      return
    }
    guard let start = mmap(nil, size, PROT_READ, MAP_PRIVATE, descriptor, 0), start != MAP_FAILED else {
      throw FileError.system(path, "map the file")
    }
    bytes = UnsafeRawBufferPointer(start: start, count: size)
    isMapped = true
  }

  /// A copy of `source`.
  public init(_ source: some Collection<UInt8>, path: String = "") {
    let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: max(source.count, 1), alignment: 64)
    copy.copyBytes(from: source)
    bytes = UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(copy)[0..<source.count])
    self.path = path
    isMapped = false
  }

  /// `count` bytes that `fill` writes; what it leaves alone is zero.
  init<E: Error>(
    count: Int, path: String, fill: (UnsafeMutableRawBufferPointer) throws(E) -> Void
  ) throws(E) {
    // calloc, so that a claimed size costs memory only where bytes are written.
    let start = calloc(max(count, 1), 1)!
    let buffer = UnsafeMutableRawBufferPointer(start: start, count: count)
    do throws(E) { try fill(buffer) } catch {
      free(start)
      throw error
    }
    bytes = UnsafeRawBufferPointer(buffer)
    self.path = path
    isMapped = false
  }

  deinit {
    guard let start = bytes.baseAddress else { return }
    if isMapped {
      munmap(UnsafeMutableRawPointer(mutating: start), bytes.count)
    } else {
      free(UnsafeMutableRawPointer(mutating: start))
    }
  }

  /// The little-endian number at `offset`; nil beyond the end.
  func load<T: FixedWidthInteger>(_ type: T.Type, at offset: Int) -> T? {
    guard offset >= 0, bytes.count >= MemoryLayout<T>.size, offset <= bytes.count - MemoryLayout<T>.size else {
      return nil
    }
    return T(littleEndian: bytes.loadUnaligned(fromByteOffset: offset, as: T.self))
  }
}
