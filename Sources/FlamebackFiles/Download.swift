import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

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
        try Transfer(address, headers, to: part, progress: progress).run()
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
final class Transfer: NSObject, URLSessionDataDelegate, @unchecked Sendable {
  // Unchecked: all state belongs to the session's serial queue until `done` is signalled.
  struct Failure: Error {
    var error: FileError
    var mayRecur: Bool
  }

  private let address: URL
  private let headers: [String: String]
  private let path: String
  private let progress: (@Sendable (Int, Int?) -> Void)?
  private let finished = DispatchSemaphore(value: 0)
  private var descriptor: Int32 = -1
  private var start = 0
  private var written = 0
  private var total: Int?
  private var failure: Failure?

  init(
    _ address: URL, _ headers: [String: String], to path: String, progress: (@Sendable (Int, Int?) -> Void)?
  ) {
    self.address = address
    self.headers = headers
    self.path = path
    self.progress = progress
  }

  func run() throws(Failure) {
    descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard descriptor >= 0 else { throw Failure(error: .system(path, "write the file"), mayRecur: false) }
    defer { close(descriptor) }
    start = Int(lseek(descriptor, 0, SEEK_END))
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = 30
    let queue = OperationQueue()
    queue.maxConcurrentOperationCount = 1
    let session = URLSession(configuration: configuration, delegate: self, delegateQueue: queue)
    var request = URLRequest(url: address)
    for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
    // A byte more than there is would be refused, so an already whole part asks for its last byte again.
    if start > 0 {
      start -= 1
      request.setValue("bytes=\(start)-", forHTTPHeaderField: "Range")
    }
    // Compressed transfer would make offsets into something else.
    request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
    session.dataTask(with: request).resume()
    finished.wait()
    session.finishTasksAndInvalidate()
    if let failure { throw failure }
    if let total, written < total {
      throw Failure(error: FileError(path: address.absoluteString, "the connection ended too early"), mayRecur: true)
    }
    fsync(descriptor)
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
    newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
  ) {
    completionHandler(request.withoutSecrets(from: address))
  }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
  ) {
    let http = response as? HTTPURLResponse
    let status = http?.statusCode ?? 0
    let length = response.expectedContentLength >= 0 ? Int(response.expectedContentLength) : nil
    if status == 206, http?.value(forHTTPHeaderField: "Content-Range")?.hasPrefix("bytes \(start)-") == true {
      written = start
    } else if status == 200 {
      start = 0
      written = 0
    } else {
      // The part belongs to something else: the next attempt starts anew.
      if status == 206 || status == 416 { ftruncate(descriptor, 0) }
      failure = Failure(
        error: FileError(path: address.absoluteString, "the server answers \(status)"),
        mayRecur: status == 206 || status == 416 || status >= 500)
      completionHandler(.cancel)
      return
    }
    ftruncate(descriptor, off_t(start))
    lseek(descriptor, off_t(start), SEEK_SET)
    total = length.map { start + $0 }
    completionHandler(.allow)
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    var rest = data[...]
    while !rest.isEmpty {
      let n = rest.withUnsafeBytes { write(descriptor, $0.baseAddress!, $0.count) }
      if n < 0 && errno == EINTR { continue }
      if n < 0 {
        failure = Failure(error: .system(path, "write the file"), mayRecur: false)
        dataTask.cancel()
        return
      }
      rest = rest.dropFirst(n)
      written += n
    }
    progress?(written, total)
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    if let error, failure == nil { failure = Failure(error, address) }
    finished.signal()
  }
}

extension Transfer.Failure {
  init(_ error: any Error, _ address: URL) {
    let code = (error as? URLError)?.code
    let reason =
      switch code {
      case .cannotFindHost, .dnsLookupFailed, .notConnectedToInternet: "there is no network, or no such host"
      case .cannotConnectToHost: "the server cannot be reached"
      case .timedOut: "the server does not answer"
      case .networkConnectionLost: "the connection was lost"
      case .secureConnectionFailed, .serverCertificateUntrusted, .serverCertificateHasBadDate:
        "the server's certificate is not trusted"
      default: error.localizedDescription
      }
    self.error = FileError(path: address.absoluteString, "cannot download the file: \(reason)")
    mayRecur = code != .cannotFindHost && code != .dnsLookupFailed && code != .notConnectedToInternet
  }
}

extension URLRequest {
  /// The request as it may go to a host that the first one redirects to.
  func withoutSecrets(from origin: URL) -> URLRequest {
    var request = self
    if url?.host != origin.host || url?.port != origin.port || url?.scheme != origin.scheme {
      request.setValue(nil, forHTTPHeaderField: "Authorization")
    }
    return request
  }
}
