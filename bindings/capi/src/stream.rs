//! What drives a gate: of a provider's bytes where they are read, else of text.

#[cfg(feature = "wire")]
pub(crate) use tidegate::StreamDriver as Stream;

#[cfg(feature = "wire")]
pub(crate) fn of(driver: tidegate::Driver) -> Stream {
    Stream::new(tidegate::Framing::Auto, driver)
}

#[cfg(not(feature = "wire"))]
pub(crate) use text::{Stream, of};

#[cfg(not(feature = "wire"))]
mod text {
    use tidegate::{Driver, Request, Turn, UnknownRequest};
    use tidegate_score::{ScoreError, Scored};

    /// A driver by the names that it has with a wire.
    pub(crate) struct Stream(Driver);

    pub(crate) fn of(driver: Driver) -> Stream {
        Stream(driver)
    }

    impl Stream {
        pub(crate) fn driver(&self) -> &Driver {
            &self.0
        }

        pub(crate) fn driver_mut(&mut self) -> &mut Driver {
            &mut self.0
        }

        pub(crate) fn next_request(&mut self) -> Option<Request> {
            self.0.next_request()
        }

        pub(crate) fn resolve(
            &mut self,
            id: u64,
            scored: Result<Scored, ScoreError>,
            on_turn: &mut impl FnMut(Turn<'_>),
        ) -> Result<(), UnknownRequest> {
            self.0.resolve(id, scored, on_turn)
        }

        pub(crate) fn finish(&mut self, on_turn: &mut impl FnMut(Turn<'_>)) {
            self.0.finish(on_turn);
        }
    }
}
