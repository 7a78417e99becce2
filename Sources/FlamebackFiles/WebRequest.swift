import Foundation

#if canImport(FoundationNetworking)
  import FoundationNetworking
#endif

/// A short question to a web server, answered as a whole.
final class WebRequest: NSObject, URLSessionDataDelegate, @unchecked Sendable {
  // Unchecked: all state belongs to the session's serial queue until `finished` is signalled.
  struct Answer {
    var status: Int
    var body: [UInt8]
    fileprivate var response: HTTPURLResponse?
    func header(_ name: String) -> String? { response?.value(forHTTPHeaderField: name) }
  }

  private let address: URL
  private let limit: Int
  private let finished = DispatchSemaphore(value: 0)
  private var response: HTTPURLResponse?
  private var body: [UInt8] = []
  private var error: (any Error)?
  private var isTooLong = false

  private init(_ address: URL, limit: Int) {
    self.address = address
    self.limit = limit
  }

  /// Follows redirections within the host only: answers that send elsewhere are the answer.
  static func send(
    _ method: String, _ url: String, headers: [String: String], limit: Int = 64 << 20
  ) throws(FileError) -> Answer {
    guard let address = URL(string: url), let scheme = address.scheme, ["http", "https"].contains(scheme) else {
      throw FileError(path: url, "it is no web address")
    }
    let task = WebRequest(address, limit: limit)
    let configuration = URLSessionConfiguration.ephemeral
    configuration.timeoutIntervalForRequest = 30
    let queue = OperationQueue()
    queue.maxConcurrentOperationCount = 1
    let session = URLSession(configuration: configuration, delegate: task, delegateQueue: queue)
    defer { session.finishTasksAndInvalidate() }
    var request = URLRequest(url: address)
    request.httpMethod = method
    for (name, value) in headers { request.setValue(value, forHTTPHeaderField: name) }
    request.setValue("identity", forHTTPHeaderField: "Accept-Encoding")
    session.dataTask(with: request).resume()
    task.finished.wait()
    if task.isTooLong { throw FileError(path: url, "the answer is longer than \(limit) bytes") }
    if let error = task.error, task.response == nil { throw Transfer.Failure(error, address).error }
    return Answer(status: task.response?.statusCode ?? 0, body: task.body, response: task.response)
  }

  func urlSession(
    _ session: URLSession, task: URLSessionTask, willPerformHTTPRedirection response: HTTPURLResponse,
    newRequest request: URLRequest, completionHandler: @escaping @Sendable (URLRequest?) -> Void
  ) {
    let isSameHost = request.url?.host == address.host && request.url?.port == address.port
    if !isSameHost { self.response = response }
    completionHandler(isSameHost ? request : nil)
  }

  func urlSession(
    _ session: URLSession, dataTask: URLSessionDataTask, didReceive response: URLResponse,
    completionHandler: @escaping @Sendable (URLSession.ResponseDisposition) -> Void
  ) {
    self.response = self.response ?? response as? HTTPURLResponse
    completionHandler(.allow)
  }

  func urlSession(_ session: URLSession, dataTask: URLSessionDataTask, didReceive data: Data) {
    body += data
    if body.count > limit {
      isTooLong = true
      dataTask.cancel()
    }
  }

  func urlSession(_ session: URLSession, task: URLSessionTask, didCompleteWithError error: (any Error)?) {
    self.error = error
    response = response ?? task.response as? HTTPURLResponse
    finished.signal()
  }
}
