//! The answer to a PREPARE: an id, then what the statement takes and gives.

use model::exchange::Exchange;

use super::answer::{Pending, Rules, Stage, Step};
use super::outcome::Done;
use super::packet::Packet;
use super::read::Reader;

impl Pending {
    /// The first answer to a PREPARE.
    pub(super) fn prepare_ok(&mut self, packet: &Packet<'_>, exchange: &mut Exchange, rules: Rules) -> Step {
        let mut reader = Reader(packet.payload);
        let read = (reader.u8(), reader.u32(), reader.u16(), reader.u16());
        let (Some(0), Some(id), Some(columns), Some(parameters)) = read else { return Step::Astray };
        reader.u8();
        self.totals.warn(reader.u16().unwrap_or_default());
        self.prepared = Some(id);
        if let Some(statement) = &mut self.prepares {
            statement.parameters = Some(parameters);
        }
        if let Some(response) = &mut exchange.response {
            response.headers.push(("statement".to_owned(), format!("#{id}")));
            response.headers.push(("parameters".to_owned(), parameters.to_string()));
            response.headers.push(("columns".to_owned(), columns.to_string()));
        }
        let follow = !(rules.metadata_flag && reader.u8() == Some(0));
        if (parameters, columns) == (0, 0) || !follow {
            return self.end(exchange, &Done::default());
        }
        self.stage = Stage::Definitions { parameters, columns };
        Step::Goes
    }

    pub(super) fn definition(
        &mut self,
        packet: &Packet<'_>,
        kind: u8,
        mut parameters: u16,
        mut columns: u16,
        exchange: &mut Exchange,
        rules: Rules,
    ) -> Step {
        let is_eof = kind == 0xfe && packet.size == 5;
        if is_eof {
            self.eofs = Some(true);
        } else if parameters > 0 {
            parameters -= 1;
        } else if self.define(packet) {
            columns = columns.saturating_sub(1);
        } else {
            return Step::Astray;
        }
        self.stage = Stage::Definitions { parameters, columns };
        // If it is not known, one that comes late answers nothing and is passed over.
        let no_eof = rules.no_eof.unwrap_or(self.eofs != Some(true));
        if (parameters, columns) == (0, 0) && (is_eof || no_eof) {
            return self.end(exchange, &Done::default());
        }
        Step::Goes
    }
}
