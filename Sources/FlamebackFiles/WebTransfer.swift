import CCurl
import FoundationEssentials
import Glibc

/// A question to a web server over libcurl, which is loaded at the first one.
struct WebTransfer {
  /// What an answer begins with.
  struct Head {
    var status = 0
    fileprivate var fields: [(name: String, value: String)] = []

    /// The value of a header, whose name may be written in any case.
    func value(_ name: String) -> String? {
      fields.first { $0.name.lowercased() == name.lowercased() }?.value
    }
  }

  struct Failure: Error {
    var error: FileError
    var mayRecur: Bool
  }

  let address: URL
  /// `Authorization` goes to no other scheme, host or port than the address's.
  var headers: [String: String]
  var isHeadOnly = false
  /// Whether a redirection to there is followed; one that is not is the answer.
  var follows: (URL) -> Bool = { _ in true }

  init(_ address: URL, _ headers: [String: String]) {
    self.address = address
    self.headers = headers
  }

  /// Gives the answer to the closures, which return false to stop.
  func run(
    head: @escaping (Head) -> Bool, data: @escaping (UnsafeRawBufferPointer) -> Bool
  ) throws(Failure) {
    var headers = headers
    // Compressed transfer would make offsets into something else.
    headers["Accept-Encoding"] = "identity"
    if !headers.keys.contains(where: { $0.lowercased() == "user-agent" }) { headers["User-Agent"] = "flameback" }
    var place = address
    for _ in 0..<20 {
      let exchange = Exchange(head, data) { [place] in redirection(of: $0, from: place) }
      try exchange.run(self, place, headers)
      guard let next = exchange.next else { return }
      if !next.hasSameOrigin(as: address) { headers = headers.filter { $0.key.lowercased() != "authorization" } }
      place = next
    }
    throw failure("the server sends from one address to the next", mayRecur: false)
  }

  private func redirection(of head: Head, from place: URL) -> URL? {
    guard [301, 302, 303, 307, 308].contains(head.status), let location = head.value("Location"),
      let next = URL(string: location, relativeTo: place)?.absoluteURL,
      let scheme = next.scheme?.lowercased(), ["http", "https"].contains(scheme)
    else { return nil }
    return follows(next) ? next : nil
  }

  fileprivate func failure(_ reason: String, mayRecur: Bool = true) -> Failure {
    Failure(error: FileError(path: address.absoluteString, "cannot download the file: \(reason)"), mayRecur: mayRecur)
  }
}

/// One request and its answer.
private final class Exchange {
  private let head: (WebTransfer.Head) -> Bool
  private let data: (UnsafeRawBufferPointer) -> Bool
  private let redirection: (WebTransfer.Head) -> URL?
  private var answer = WebTransfer.Head()
  private var hasBegun = false
  /// Where the answer sends to.
  private(set) var next: URL?

  init(
    _ head: @escaping (WebTransfer.Head) -> Bool, _ data: @escaping (UnsafeRawBufferPointer) -> Bool,
    redirection: @escaping (WebTransfer.Head) -> URL?
  ) {
    self.head = head
    self.data = data
    self.redirection = redirection
  }

  func run(_ transfer: WebTransfer, _ place: URL, _ headers: [String: String]) throws(WebTransfer.Failure) {
    var lines: [UnsafePointer<CChar>?] = []
    defer { for line in lines { free(UnsafeMutablePointer(mutating: line)) } }
    for (name, value) in headers {
      guard !"\(name)\(value)".utf8.contains(where: { $0 < 0x20 && $0 != 0x09 }) else {
        throw transfer.failure("the header \(name) holds a line break", mayRecur: false)
      }
      lines.append(UnsafePointer(strdup("\(name): \(value)")))
    }
    lines.append(nil)
    var message = [CChar](repeating: 0, count: Int(FB_CURL_MESSAGE_SIZE))
    let result = place.absoluteString.withCString { url in
      lines.withUnsafeBufferPointer { lines in
        var request = fb_curl_request(
          url: url, head_only: transfer.isHeadOnly, headers: lines.baseAddress,
          context: Unmanaged.passUnretained(self).toOpaque(),
          line: { Exchange.at($0!).take(line: UnsafeRawBufferPointer(start: $1, count: $2)) },
          data: { Exchange.at($0!).take(data: UnsafeRawBufferPointer(start: $1, count: $2)) })
        return Int(fb_curl_run(&request, &message))
      }
    }
    switch result {
    case FB_CURL_DONE: _ = begin()
    case FB_CURL_STOPPED: break
    case FB_CURL_MISSING: throw transfer.failure("libcurl is not installed (apt install libcurl4)", mayRecur: false)
    case FB_CURL_NO_HOST: throw transfer.failure("there is no network, or no such host", mayRecur: false)
    case FB_CURL_NO_CONNECTION: throw transfer.failure("the server cannot be reached")
    case FB_CURL_SILENT: throw transfer.failure("the server does not answer")
    case FB_CURL_LOST: throw transfer.failure("the connection was lost")
    case FB_CURL_UNTRUSTED: throw transfer.failure("the server's certificate is not trusted")
    default:
      let text = message.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
      throw transfer.failure(text.trimmed())
    }
  }

  private static func at(_ context: UnsafeMutableRawPointer) -> Exchange {
    Unmanaged<Exchange>.fromOpaque(context).takeUnretainedValue()
  }

  /// A status line begins a head: those of interim answers and of proxies come before the one that counts.
  private func take(line bytes: UnsafeRawBufferPointer) -> Bool {
    if hasBegun { return true }
    let text = String(decoding: bytes, as: UTF8.self)
    if text.hasPrefix("HTTP/") {
      answer = .init(status: text.split(separator: " ").dropFirst().first.flatMap { Int($0.prefix(3)) } ?? 0)
    } else if let colon = text.firstIndex(of: ":") {
      let value = text[text.index(after: colon)...].trimmed()
      answer.fields.append((String(text[..<colon]), value))
    }
    return true
  }

  /// The last head is the answer's as soon as data come, or nothing more.
  private func begin() -> Bool {
    if hasBegun { return true }
    hasBegun = true
    next = redirection(answer)
    return next != nil || head(answer)
  }

  /// What comes with a redirection that is followed is nobody's.
  private func take(data bytes: UnsafeRawBufferPointer) -> Bool { begin() && (next != nil || data(bytes)) }
}

extension URL {
  fileprivate func hasSameOrigin(as other: URL) -> Bool {
    host == other.host && port == other.port && scheme == other.scheme
  }
}
