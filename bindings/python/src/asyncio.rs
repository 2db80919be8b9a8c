//! The library's futures as awaitables of asyncio: polled on the event loop's thread, woken from the library's.
//!
//! So there is no second runtime, and no thread in between. Of an event loop only `create_future` and
//! `call_soon_threadsafe` are used, which uvloop has as well.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use pyo3::exceptions::{PyRuntimeError, PyStopIteration};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyCFunction;
use pyo3::{PyClass, PyClassInitializer};
use tango_token::Error;

use crate::attach::{attach, enter};
use crate::errors::OrRaise;

/// What `await` takes. A future that is ready at once never sees the event loop.
pub fn awaitable<T, O>(
    py: Python<'_>,
    future: impl Future<Output = Result<T, Error>> + Send + 'static,
) -> PyResult<Bound<'_, PyAny>>
where
    T: 'static,
    O: From<T> + PyClass + Into<PyClassInitializer<O>> + Send + Sync,
{
    let mut future = Box::pin(async move { future.await.map(O::from) });
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(outcome) => Ok(Bound::new(py, Ready(Py::new(py, outcome.or_raise(py)?)?.into_any()))?.into_any()),
        Poll::Pending => Task::start(py, future),
    }
}

/// An awaitable that does not have to wait.
#[pyclass(frozen)]
struct Ready(Py<PyAny>);

#[pymethods]
impl Ready {
    fn __await__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __iter__(slf: Py<Self>) -> Py<Self> {
        slf
    }

    fn __next__(&self, py: Python<'_>) -> PyResult<()> {
        Err(PyStopIteration::new_err((self.0.clone_ref(py),)))
    }
}

type Work<O> = Pin<Box<dyn Future<Output = Result<O, Error>> + Send>>;

/// One future of the library and the one of asyncio that stands for it.
struct Task<O> {
    /// Gone once it is done or cancelled.
    work: Mutex<Option<Work<O>>>,
    event_loop: Py<PyAny>,
    outcome: Py<PyAny>,
}

impl<O: PyClass + Into<PyClassInitializer<O>> + Send + Sync + 'static> Task<O> {
    fn start(py: Python<'_>, work: Work<O>) -> PyResult<Bound<'_, PyAny>> {
        static GET_RUNNING_LOOP: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let _visit = enter(py);
        let event_loop = GET_RUNNING_LOOP.import(py, "asyncio", "get_running_loop")?.call0()?;
        let outcome = event_loop.call_method0("create_future")?;
        let task = Arc::new(Self {
            work: Mutex::new(Some(work)),
            event_loop: event_loop.unbind(),
            outcome: outcome.clone().unbind(),
        });
        let ended = Arc::clone(&task);
        let forget = PyCFunction::new_closure(py, None, None, move |_, _| ended.forget())?;
        outcome.call_method1("add_done_callback", (forget,))?;
        task.step(py)?;
        Ok(outcome)
    }

    /// On the event loop's thread, which is the only one that polls.
    fn step(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        let _visit = enter(py);
        let outcome = self.outcome.bind(py);
        if outcome.call_method0("done")?.is_truthy()? {
            return Ok(());
        }
        match self.poll() {
            Poll::Pending => {}
            Poll::Ready(Ok(value)) => {
                outcome.call_method1("set_result", (Py::new(py, value)?,))?;
            }
            Poll::Ready(Err(error)) => {
                outcome.call_method1("set_exception", (Err::<(), _>(error).or_raise(py).unwrap_err(),))?;
            }
        }
        Ok(())
    }

    fn poll(self: &Arc<Self>) -> Poll<Result<O, Error>> {
        let waker = Waker::from(Arc::clone(self));
        match &mut *self.work.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(work) => work.as_mut().poll(&mut Context::from_waker(&waker)),
            None => Poll::Pending,
        }
    }

    /// Gives up waiting where nobody waits any more, as after a cancellation.
    fn forget(&self) {
        drop(self.work.lock().unwrap_or_else(PoisonError::into_inner).take());
    }

    fn schedule(self: &Arc<Self>, py: Python<'_>) -> PyResult<()> {
        let task = Arc::clone(self);
        let step = PyCFunction::new_closure(py, None, None, move |arguments, _| task.step(arguments.py()))?;
        self.event_loop.call_method1(py, "call_soon_threadsafe", (step,))?;
        Ok(())
    }
}

impl<O: PyClass + Into<PyClassInitializer<O>> + Send + Sync + 'static> Wake for Task<O> {
    fn wake(self: Arc<Self>) {
        attach(|py| match self.schedule(py) {
            // The event loop was closed meanwhile: nobody is left to be told.
            Err(error) if error.is_instance_of::<PyRuntimeError>(py) => {}
            Err(error) => error.write_unraisable(py, None),
            Ok(()) => {}
        });
    }
}
