import FlamebackKernels
import Synchronization

/// A mistake in the use of an operation: `[op] what is wrong, with shapes and dtypes`.
public struct OpError: Error, CustomStringConvertible, Sendable {
  public let op: String
  public let message: String

  public init(_ op: String, _ message: String) {
    self.op = op
    self.message = message
  }

  public var description: String { "[\(op)] \(message)" }

  /// Whether memory was asked for in vain.
  var isOutOfMemory: Bool { message.hasPrefix("out of memory") }
}

/// Where `withErrors` gathers; the first error counts.
final class ErrorBox: Sendable {
  private let first = Mutex<OpError?>(nil)
  func record(_ error: OpError) { first.withLock { if $0 == nil { $0 = error } } }
  var error: OpError? { first.withLock { $0 } }
}

/// Runs `body`; programmer errors inside become the thrown `OpError` instead of a trap.
///
/// The first failing operation is recorded and yields a poisoned tensor (same rank and dtype as expected, all sizes 1),
/// operations on poisoned tensors do nothing, and the error is thrown when `body` has returned.
public func withErrors<R>(_ body: () throws -> R) throws -> R {
  let box = ErrorBox()
  let result = try Context.$local.withValue(Context.current.with { $0.errorBox = box }) { () throws -> R in
    do { return try body() } catch { throw box.error ?? error }
  }
  if let error = box.error { throw error }
  return result
}

/// The asynchronous form of `withErrors`.
public func withErrors<R>(isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> R) async throws -> R
{
  let box = ErrorBox()
  let result = try await Context.$local.withValue(Context.current.with { $0.errorBox = box }) { () async throws -> R in
    do { return try await body() } catch { throw box.error ?? error }
  }
  if let error = box.error { throw error }
  return result
}

/// Reports a programmer error: recorded inside `withErrors`, a trap with the sentence otherwise.
public func report(_ error: OpError) {
  guard let box = Context.current.errorBox else { fatalError(error.description) }
  box.record(error)
}

/// Reports a programmer error and stands in for the result.
public func fail(_ op: String, _ message: String, like spec: TensorSpec? = nil) -> Tensor {
  report(OpError(op, message))
  return .poisoned(spec ?? TensorSpec(shape: [], dtype: .float32, device: .cpu))
}

/// Runs a throwing shape computation; its error is reported and `fallback` stands in.
public func attempt<R>(_ fallback: @autoclosure () -> R, _ body: () throws(OpError) -> R) -> R {
  do { return try body() } catch {
    report(error)
    return fallback()
  }
}

/// Runs a throwing operation; its error is reported and a poisoned tensor like `like` stands in.
public func attempt(like: Tensor, _ body: () throws(OpError) -> Tensor) -> Tensor {
  if like.isPoisoned { return like }
  do { return try body() } catch {
    report(error)
    return .poisoned(like.spec)
  }
}

/// Runs a throwing operation with several results; on error `count` poisoned tensors like `like` stand in.
public func attempt(like: Tensor, count: Int, _ body: () throws(OpError) -> [Tensor]) -> [Tensor] {
  if like.isPoisoned { return Array(repeating: like, count: count) }
  do { return try body() } catch {
    report(error)
    return Array(repeating: .poisoned(like.spec), count: count)
  }
}

/// `dim` counted from the front; negative dims count from the back. Scalars accept -1 and 0.
public func normalizedDim(_ dim: Int, rank: Int, op: String) throws(OpError) -> Int {
  let limit = max(rank, 1)
  guard dim >= -limit && dim < limit else {
    throw OpError(op, "dimension out of range (expected to be in [\(-limit), \(limit - 1)], but got \(dim))")
  }
  return dim < 0 ? dim + limit : dim
}

/// All of `dims` counted from the front, each at most once. An empty list stands for every dimension.
public func normalizedDims(_ dims: [Int], rank: Int, op: String) throws(OpError) -> [Int] {
  if dims.isEmpty { return Array(0..<rank) }
  var result: [Int] = []
  for dim in dims {
    let d = try normalizedDim(dim, rank: rank, op: op)
    if result.contains(d) { throw OpError(op, "dim \(d) appears multiple times in the list of dims") }
    result.append(d)
  }
  return rank == 0 ? [] : result
}
