import Synchronization

/// How tensors print. SeeAlso: torch.set_printoptions
public struct PrintOptions: Sendable, Equatable {
  /// Digits after the decimal point.
  public var precision = 4
  /// More elements than this are summarised.
  public var threshold = 1000
  /// Elements at the beginning and end of each dimension of a summary.
  public var edgeItems = 3
  public var lineWidth = 80
  /// Scientific notation always or never; nil: where the numbers need it.
  public var sciMode: Bool?

  public init() {}

  /// Two digits, two items.
  public static let short: PrintOptions = {
    var options = PrintOptions()
    options.precision = 2
    options.edgeItems = 2
    return options
  }()

  /// Never summarised.
  public static let full: PrintOptions = {
    var options = PrintOptions()
    options.threshold = .max
    return options
  }()

  private static let shared = Mutex(PrintOptions())

  /// The options in force. SeeAlso: torch.get_printoptions
  public static var current: PrintOptions {
    get { shared.withLock { $0 } }
    set { shared.withLock { $0 = newValue } }
  }
}

/// Changes how tensors print; what is not given stays. SeeAlso: torch.set_printoptions
public func setPrintOptions(
  precision: Int? = nil, threshold: Int? = nil, edgeItems: Int? = nil, lineWidth: Int? = nil, sciMode: Bool? = nil,
  profile: PrintOptions? = nil
) {
  var options = profile ?? .current
  if let precision { options.precision = precision }
  if let threshold { options.threshold = threshold }
  if let edgeItems { options.edgeItems = edgeItems }
  if let lineWidth { options.lineWidth = lineWidth }
  options.sciMode = sciMode
  PrintOptions.current = options
}
