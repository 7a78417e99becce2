import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let pointwise: [String: Entry] = [:]
}
