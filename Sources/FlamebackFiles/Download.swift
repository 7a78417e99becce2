import FoundationEssentials
import Glibc

/// A file to fetch: where it is and what it must be.
public struct Download: Sendable {
  public enum Checksum: Sendable, Equatable {
    case sha256(String)
    case md5(String)
    /// The name that git gives a file's content.
    case gitBlob(String)
  }

  public var url: String
  /// The name it gets; the last part of the address by default.
  public var fileName: String
  public var checksum: Checksum?
  /// Sent with the request; `Authorization` goes to no other host than the first.
  public var headers: [String: String]
  /// What is appended to the name while the file is not whole.
  public var partialSuffix = ".part"

  public init(
    _ url: String, fileName: String? = nil, checksum: Checksum? = nil, headers: [String: String] = [:]
  ) {
    self.url = url
    self.fileName = fileName ?? String(url.split(separator: "/").last ?? "download")
    self.checksum = checksum
    self.headers = headers
  }

  /// Fetches into `folder` and returns the path. A file that is there and has the right checksum is not fetched again;
  /// what an interrupted call left (`….part`) is continued. The name appears only when the file is whole and right.
  ///
  /// `progress` gets the bytes so far and, if the server says it, their total. SeeAlso: torch.hub.download_url_to_file
  @discardableResult
  public func fetch(
    to folder: String, attempts: Int = 3, progress: (@Sendable (_ done: Int, _ total: Int?) -> Void)? = nil
  ) throws(FileError) -> String {
    let path = "\(folder)/\(fileName)"
    if FileManager.default.fileExists(atPath: path), (try? check(path)) != nil { return path }
    do { try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true) } catch {
      throw FileError(path: folder, "the folder cannot be made")
    }
    guard let address = URL(string: url), let scheme = address.scheme, ["http", "https"].contains(scheme) else {
      throw FileError(path: url, "it is no web address")
    }
    let part = path + partialSuffix
    var failures = 0
    while true {
      let before = size(of: part)
      do {
        try Transfer(address: address, headers: headers, path: part, progress: progress).run()
        break
      } catch {
        // A connection that brought something on may be continued; one that did not is counted.
        failures += size(of: part) > before ? 0 : 1
        if failures >= attempts || !error.mayRecur { throw error.error }
      }
    }
    do throws(FileError) { try check(part) } catch {
      unlink(part)
      throw error
    }
    guard rename(part, path) == 0 else { throw FileError.system(path, "write the file") }
    return path
  }

  private func size(of path: String) -> Int {
    var status = stat()
    return stat(path, &status) == 0 ? Int(status.st_size) : 0
  }

  /// Throws unless the file has the checksum.
  public func check(_ path: String) throws(FileError) {
    guard let checksum else { return }
    let file = try FileBytes(mapping: path)
    let (expected, found) =
      switch checksum {
      case .sha256(let text): (text, Digest.sha256(file))
      case .md5(let text): (text, Digest.md5(file))
      case .gitBlob(let text): (text, Digest.gitBlob(file))
      }
    guard found == expected.lowercased() else {
      throw FileError(path: path, "it is not the file of \(url): its checksum is \(found) instead of \(expected)")
    }
  }
}

/// One connection. It appends to the file of an earlier one where the server can continue, and starts anew otherwise.
private struct Transfer {
  let address: URL
  let headers: [String: String]
  let path: String
  let progress: (@Sendable (Int, Int?) -> Void)?

  func run() throws(WebTransfer.Failure) {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw .init(error: .system(path, "write the file"), mayRecur: false) }
    defer { close(descriptor) }
    var start = Int(lseek(descriptor, 0, SEEK_END))
    var transfer = WebTransfer(address, headers)
    // A byte more than there is would be refused, so an already whole part asks for its last byte again.
    if start > 0 {
      start -= 1
      transfer.headers["Range"] = "bytes=\(start)-"
    }
    var written = 0
    var total: Int?
    var failure: WebTransfer.Failure?
    try transfer.run { head in
      if head.status == 206, head.value("Content-Range")?.hasPrefix("bytes \(start)-") == true {
        written = start
      } else if head.status == 200 {
        start = 0
      } else {
        // The part belongs to something else: the next attempt starts anew.
        let isOther = head.status == 206 || head.status == 416
        if isOther { ftruncate(descriptor, 0) }
        failure = .init(
          error: FileError(path: address.absoluteString, "the server answers \(head.status)"),
          mayRecur: isOther || head.status >= 500)
        return false
      }
      ftruncate(descriptor, off_t(start))
      lseek(descriptor, off_t(start), SEEK_SET)
      total = head.value("Content-Length").flatMap { Int($0) }.map { start + $0 }
      return true
    } data: { bytes in
      var rest = bytes[...]
      while !rest.isEmpty {
        let n = write(descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress!, rest.count)
        if n < 0 && errno == EINTR { continue }
        if n < 0 {
          failure = .init(error: .system(path, "write the file"), mayRecur: false)
          return false
        }
        rest = rest.dropFirst(n)
        written += n
      }
      progress?(written, total)
      return true
    }
    if let failure { throw failure }
    fsync(descriptor)
  }
}
