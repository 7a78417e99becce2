import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let neural: [String: Entry] = [:]
}
